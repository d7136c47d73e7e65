import { execFileSync } from 'node:child_process';
import { constants, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { after } from '../world/agenda.ts';
import { machineOf, type World } from '../world/model.ts';
import type { ToolAnswer } from '../world/tools/answer.ts';
import { runPacemakerTool, TOOL_NAMES } from '../world/tools/run.ts';
import { toolsDirectory } from './guard.ts';

/** What a call takes on a controller and on a remote node beside the start of the shim, ms. */
const CONTROLLER_MS = 8;
const REMOTE_MS = 60;
/** A shim waits for its answer before it asks; it may be a moment late, ms. */
const OPEN_PAUSE_MS = 5;
const MAX_OPEN_TRIES = 400;
/** Between the parts of a request. */
const SEPARATOR = '\u001f';

/** Programs of a controller that are none of Pacemaker's, by what a shell runs for them. */
export type Programs = Readonly<Record<string, string>>;

/**
 * What else acts on a cluster. Where it is installed it would act on that of the machine on which the lab runs, so it is refused.
 */
const REFUSED = [
  ...['pcs', 'crm', 'crmadmin', 'crm_failcount', 'crm_master', 'crm_shadow', 'crm_standby', 'crm_ticket'],
  ...['corosync-cfgtool', 'corosync-cmapctl', 'corosync-quorumtool', 'pacemakerd'],
];

/** The directory of a machine's commands in a lab's directory. */
export const pathIn = (directory: string, machine: string): string =>
  join(toolsDirectory(directory), machine);

export interface Tools {
  /** The directory to put before PATH on a machine. */
  readonly pathOf: (machine: string) => string;
  readonly close: () => void;
}

/**
 * Pacemaker's commands as programs on PATH, one directory a machine. A few lines of sh, because the evacuator calls
 * three of them a tick: the request goes into a pipe of the lab, the answer comes out of one of the shim's own.
 */
export function layTools(world: World, lab: string, programs: Programs = {}): Tools {
  const directory = toolsDirectory(lab);
  mkdirSync(directory, { recursive: true });
  const requests = join(directory, 'requests');
  execFileSync('mkfifo', ['-m', '600', requests]);
  const pathOf = (machine: string): string => pathIn(lab, machine);
  // One set of files for all controllers and one for all computes, which may be a thousand: a shim knows the machine by the
  // name of the directory that it was called in.
  const lay = (set: string, files: Programs): void => {
    mkdirSync(join(directory, set));
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(directory, set, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  };
  const shims = Object.fromEntries(TOOL_NAMES.map((tool) => [tool, shim(directory)]));
  const refused = Object.fromEntries(REFUSED.map((tool) => [tool, refusal(tool)]));
  lay('.controller', { ...refused, ...shims, ...programs });
  lay('.compute', { ...refused, ...shims });
  for (const { name, role } of world.machines.values()) symlinkSync(`.${role}`, pathOf(name));
  // Opened for writing too, so that it does not end when a shim closes it.
  const socket = new Socket({
    fd: openSync(requests, constants.O_RDWR | constants.O_NONBLOCK),
    readable: true,
  });
  let rest = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(world, line);
  });
  socket.on('error', () => {});
  return { pathOf, close: () => socket.destroy() };
}

function refusal(tool: string): string {
  return `echo '${tool}: not in this lab, whose cluster is a model; it has ${TOOL_NAMES.join(', ')}' >&2
exit 127`;
}

/** Asks the lab, and answers as it says. */
function shim(directory: string): string {
  return `machine=\${0%/*}
machine=\${machine##*/}
answer=${directory}/answer.$$
line=$answer${SEPARATOR}$machine${SEPARATOR}\${0##*/}
for argument; do line=$line${SEPARATOR}$argument; done
mkfifo -m 600 "$answer" || exit 1
trap 'rm -f "$answer"' EXIT
exec 3<>"$answer"
printf '%s\\n' "$line" 1<> ${directory}/requests
read -r code out err <&3
[ "$out" = 0 ] || head -c "$out" <&3
[ "$err" = 0 ] || head -c "$err" <&3 >&2
exit "$code"`;
}

function take(world: World, line: string): void {
  const [answer, machine, tool, ...args] = line.split(SEPARATOR);
  if (answer === undefined || machine === undefined || tool === undefined) return;
  const takesMs = machineOf(world, machine).role === 'compute' ? REMOTE_MS : CONTROLLER_MS;
  after(world.agenda, takesMs, () => {
    const result = runPacemakerTool(world, machine, tool, args);
    // One that hangs is killed by whoever called it.
    if (result === 'hangs') return;
    const give = ({ exitCode, stdout, stderr }: ToolAnswer): void => {
      const sizes = [stdout, stderr].map((text) => Buffer.byteLength(text));
      reply(answer, `${[exitCode, ...sizes].join(' ')}\n${stdout}${stderr}`, 0);
    };
    if (typeof result === 'function') result(give);
    else give(result);
  });
}

/** Without blocking: a shim that was killed opens its pipe no more. */
function reply(path: string, text: string, tries: number): void {
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const socket = new Socket({ fd, readable: false, writable: true });
    socket.on('error', () => {});
    socket.end(text);
  } catch {
    if (tries < MAX_OPEN_TRIES) setTimeout(() => reply(path, text, tries + 1), OPEN_PAUSE_MS).unref();
  }
}
