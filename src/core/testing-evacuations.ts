/** Evacuation records for tests. */
import { serverId } from './names.ts';
import type { EvacuationView } from './observation.ts';
import { ELSEWHERE, SOURCE } from './testing.ts';

export const evacuation = (more: Partial<EvacuationView> = {}): EvacuationView => ({
  id: 1,
  server: serverId('11111111-0000-4000-8000-000000000000'),
  source: SOURCE,
  dest: ELSEWHERE,
  status: 'done',
  createdAt: 0,
  updatedAt: 1_000,
  ...more,
});

export const done = (updatedAt: number, createdAt = 0): EvacuationView =>
  evacuation({ createdAt, updatedAt });
