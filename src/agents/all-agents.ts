import type { FenceAgent } from '../pacemaker/fence-agent.ts';
import type { OcfAgent } from '../pacemaker/ocf-agent.ts';
import { computeWaitAgent } from './compute-wait.ts';
import { FENCE_COMPUTE, FENCE_EVACUATE } from './fence-tables.ts';
import { novaComputeAgent } from './nova-compute.ts';
import { novaEvacuate } from './nova-evacuate.ts';
import { VERSION } from './version.ts';

/** A port that is there for the tables alone: whoever calls it has run an action, which is a bug. */
function never(): never {
  throw new Error('the tables of the agents are read, their actions are not run here');
}
const clock = { wall: never, now: never, sleep: never };
const files = { read: never, write: never, remove: never };

export const FENCE_AGENTS: readonly FenceAgent[] = [FENCE_COMPUTE, FENCE_EVACUATE];

/** The resource agents, for who reads their tables. */
export const OCF_AGENTS: readonly OcfAgent[] = [
  novaEvacuate(
    { evacuatorPath: '', logFile: '', incidentDirectory: '', checkCloud: never, checkPolicy: never },
    VERSION,
  ),
  computeWaitAgent({ run: never, clock, files, random: never }),
  novaComputeAgent({
    run: never,
    clock,
    files,
    random: never,
    find: never,
    launch: never,
    signal: never,
    isExecutable: never,
    namesIn: never,
  }),
];
