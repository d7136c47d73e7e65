import { fenceCompute } from './fence-compute.ts';
import { runFenceAgent } from './fence-process.ts';
import { FENCE_COMPUTE } from './fence-tables.ts';

runFenceAgent(FENCE_COMPUTE, fenceCompute);
