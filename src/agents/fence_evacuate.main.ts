import { fenceEvacuate } from './fence-evacuate.ts';
import { runFenceAgent } from './fence-process.ts';
import { FENCE_EVACUATE } from './fence-tables.ts';

runFenceAgent(FENCE_EVACUATE, fenceEvacuate);
