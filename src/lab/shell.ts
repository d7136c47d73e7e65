import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FoundLab, rootIn, runningLabs, shellEnvironment } from './machines.ts';

const BASH = '/bin/bash';
const INTERRUPTED = 130;
const NO_SUCH = 1;

/** A shell on a machine of the lab that runs, or one command there; gives its exit code. */
export async function openShell(wanted: {
  readonly port: number | null;
  readonly machine: string | null;
  readonly command: readonly string[];
}): Promise<number> {
  const lab = chooseLab(runningLabs(), wanted.port);
  if (typeof lab === 'string') return refuse(lab);
  const machine = wanted.machine ?? lab.machines[0] ?? '';
  if (!lab.machines.includes(machine))
    return refuse(`there is no machine ${machine}; there are ${lab.machines.join(', ')}`);
  const [program, ...args] = wanted.command.length > 0 ? wanted.command : shellOn(lab, machine);
  if (wanted.command.length === 0) process.stderr.write(welcome(lab, machine));
  return new Promise((resolve) => {
    const child = spawn(program ?? '', args, { stdio: 'inherit', env: shellEnvironment(lab, machine) });
    // Ctrl-C is for what runs in it.
    process.on('SIGINT', () => {});
    child.on('error', (error) => resolve(refuse(`${program} can't be run: ${error.message}`)));
    child.on('exit', (code) => resolve(code ?? INTERRUPTED));
  });
}

/** What to know of a shell on a machine of the lab, which has its own files and no file system of its own. */
export function welcome({ directory }: Pick<FoundLab, 'directory'>, machine: string): string {
  const root = rootIn(directory, machine);
  return [
    `On ${machine}: instance-ha status, crm_mon -1 -A, stonith_admin -L, ...; exit ends this shell.`,
    `Its /run, /var/log and /var/lib are in ${root}; INSTANCE_HA_ROOT is that directory.`,
    '',
  ].join('\n');
}

function refuse(why: string): number {
  process.stderr.write(`demo: ${why}\n`);
  return NO_SUCH;
}

/** The lab that is meant, or why none is. */
function chooseLab(labs: readonly FoundLab[], port: number | null): FoundLab | string {
  const [lab, another] = port === null ? labs : labs.filter((each) => each.port === port);
  if (lab === undefined)
    return port === null
      ? 'no demo of yours runs; start one with ./demo'
      : `no demo of yours runs on port ${port}`;
  if (another === undefined) return lab;
  return `several demos run, on the ports ${labs.map((each) => each.port).join(', ')}: name one with --port`;
}

/** bash with the completion of `instance-ha`, else what there is. */
function shellOn({ directory, layer }: FoundLab, machine: string): readonly string[] {
  if (!existsSync(BASH)) return ['/bin/sh', '-i'];
  const file = join(rootIn(directory, machine), 'bashrc');
  mkdirSync(rootIn(directory, machine), { recursive: true });
  const completion = join(layer, 'usr/share/bash-completion/completions/instance-ha');
  writeFileSync(file, `PS1='${machine}$ '\n[ ! -r '${completion}' ] || . '${completion}'\n`);
  return [BASH, '--rcfile', file, '-i'];
}
