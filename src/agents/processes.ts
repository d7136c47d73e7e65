import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { processStart } from './evacuator/life.ts';
import type { ProcessName } from './nova-compute.ts';

const NAME = 'nova-compute';

/** Whether a command line (arguments with NUL between them) is nova-compute's: itself, or an interpreter that runs it. */
export function isNovaCompute(cmdline: string): boolean {
  const [program = '', ...rest] = cmdline.split('\0');
  if (basename(program) === NAME) return true;
  if (!/^python[\d.]*$/.test(basename(program))) return false;
  const script = rest.find((argument) => !argument.startsWith('-'));
  return script !== undefined && basename(script) === NAME;
}

/** The nova-compute processes of this node; those in containers on it are not the agent's. */
export async function findNovaCompute(): Promise<readonly ProcessName[]> {
  const own = namespaceOf('self');
  const found: ProcessName[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || !isNovaCompute(commandLine(entry)) || namespaceOf(entry) !== own) continue;
    const start = await processStart(Number(entry));
    if (start !== null) found.push({ pid: Number(entry), start });
  }
  return found;
}

function namespaceOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Starts a program as another user, apart from the agent. By su, which gives it the user's groups (libvirt,
 * kvm) too; `uid` of spawn would take them away. Nothing of the agent's environment goes with it.
 */
export function launchAs(binary: string, user: string): Promise<void> {
  const child = spawn('su', ['-s', '/bin/sh', user, '-c', `exec ${binary}`], {
    cwd: '/',
    detached: true,
    stdio: 'ignore',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', LIBGUESTFS_ATTACH_METHOD: 'appliance' },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      child.unref();
      resolve();
    });
  });
}

/** Signals a process if it is still the same one. */
export async function signalProcess(target: ProcessName, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if ((await processStart(target.pid)) !== target.start) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // It has ended meanwhile; whoever waits sees that.
  }
}
