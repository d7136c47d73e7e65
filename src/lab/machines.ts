import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LAB_VARIABLE } from './guard.ts';
import { pathIn } from './tools.ts';

/** The name of a lab's directory begins so; the rest is chance. */
export const LAB_PREFIX = 'instance-ha-lab-';
const DESCRIPTION = 'lab.json';

/** What a lab writes down of itself, for a shell in it. */
export interface LabFile {
  readonly pid: number;
  readonly port: number;
  readonly layer: string;
  readonly machines: readonly string[];
}

/** The tree that stands for the / of a machine. */
export const rootIn = (directory: string, machine: string): string => join(directory, 'root', machine);
/** `HA_RSCTMP`. */
export const stateIn = (directory: string, machine: string): string =>
  join(rootIn(directory, machine), 'run/resource-agents');
/** The log and the reports are the same on every controller, so that nothing is missing on the page after a failover. */
export const logFileIn = (directory: string): string => join(directory, 'evacuator.log');
/** The directory of the reports; shared like the log. */
export const incidentsIn = (directory: string): string => join(directory, 'incidents');
/** As the CIB has it, below the root of a controller. */
export const RC_FILE = '/etc/instance-ha/overcloudrc';

/** Lays the files out that the agents and `instance-ha` look for on a controller; a compute has none until it writes one. */
export function layController(
  directory: string,
  machine: string,
  { layer, rc }: { readonly layer: string; readonly rc: readonly string[] },
): void {
  const root = rootIn(directory, machine);
  mkdirSync(stateIn(directory, machine), { recursive: true });
  symlinkSync(join(layer, 'usr'), join(root, 'usr'));
  for (const each of ['var/log/instance-ha', 'var/lib/instance-ha', 'etc/instance-ha'])
    mkdirSync(join(root, each), { recursive: true });
  symlinkSync(logFileIn(directory), join(root, 'var/log/instance-ha/evacuator.log'));
  symlinkSync(incidentsIn(directory), join(root, 'var/lib/instance-ha/incidents'));
  writeFileSync(join(root, RC_FILE), `${rc.join('\n')}\n`, { mode: 0o600 });
}

/** Writes down what a shell needs to find the lab; for its owner's eyes. Throws where it can't be written. */
export function describeLab(directory: string, lab: LabFile): void {
  writeFileSync(join(directory, DESCRIPTION), JSON.stringify(lab), { mode: 0o600 });
}

export interface FoundLab extends LabFile {
  readonly directory: string;
}

/** The labs of this user that run, by their port. */
export function runningLabs(): readonly FoundLab[] {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(LAB_PREFIX))
    .flatMap((name): FoundLab[] => {
      const directory = join(tmpdir(), name);
      try {
        // Somebody else's directory says nothing.
        if (statSync(directory).uid !== process.getuid?.()) return [];
        const lab = JSON.parse(readFileSync(join(directory, DESCRIPTION), 'utf8')) as LabFile;
        process.kill(lab.pid, 0);
        return [{ ...lab, directory }];
      } catch {
        return [];
      }
    });
}

/** The environment of a shell on a machine of a lab: its commands before all others, its files below its root. */
export function shellEnvironment({ directory, layer }: FoundLab, machine: string): NodeJS.ProcessEnv {
  // A shell is its owner's, and stays when the lab ends.
  const { [LAB_VARIABLE]: _, ...own } = process.env;
  const path = [
    pathIn(directory, machine),
    join(layer, 'usr/bin'),
    join(layer, 'usr/sbin'),
    dirname(process.execPath),
  ];
  return {
    ...own,
    PATH: [...path, process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(':'),
    MANPATH: `${join(layer, 'usr/share/man')}:${process.env.MANPATH ?? ''}`,
    INSTANCE_HA_ROOT: rootIn(directory, machine),
    HA_RSCTMP: stateIn(directory, machine),
    PS1: `${machine}$ `,
  };
}
