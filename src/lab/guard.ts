import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** What every process of a lab has in its environment: the lab's own directory. */
export const LAB_VARIABLE = 'INSTANCE_HA_LAB';
/** What is being started while the others are killed is found in a later round. */
const MAX_ROUNDS = 20;
const CLOSE_LIMIT_MS = 10_000;

/**
 * Ends everything that belongs to a lab and takes its directory away, when its standard input ends: that is when the
 * lab closes it, or has died, however that was. The agents are known by their environment; a command of Pacemaker, which
 * is called with a clean one, by its path.
 */
const SCRIPT = `
trap '' INT TERM HUP
while read -r _; do :; done
round=0
while [ $round -lt ${MAX_ROUNDS} ]; do
  found=
  for file in $(grep -lsF "${LAB_VARIABLE}=$1" /proc/[0-9]*/environ; grep -lsF "$1/tools/" /proc/[0-9]*/cmdline); do
    process=\${file%/*}
    kill -9 "\${process#/proc/}" 2>/dev/null && found=yes
  done
  [ -n "$found" ] || break
  round=$((round + 1))
  sleep 0.1
done
rm -rf "$1"
`;

/** Sets a guard over a lab's directory; gives how to have it clean up, which ends when it has. */
export function guardLab(directory: string): () => Promise<void> {
  // In a session of its own: the Ctrl-C of a terminal and the death of its group are not for it.
  const guard = spawn('/bin/sh', ['-c', SCRIPT, 'instance-ha-lab-guard', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
    cwd: '/',
  });
  guard.stdin.on('error', () => {});
  guard.unref();
  const ended = new Promise<void>((resolve) => {
    guard.on('error', () => resolve());
    guard.on('exit', () => resolve());
  });
  return async () => {
    guard.stdin.end();
    const late = new Promise<void>((resolve) => {
      setTimeout(resolve, CLOSE_LIMIT_MS).unref();
    });
    guard.ref();
    await Promise.race([ended, late]);
  };
}

/** Where the commands of a lab's machines lie; the guard knows them by it. */
export const toolsDirectory = (directory: string): string => join(directory, 'tools');
