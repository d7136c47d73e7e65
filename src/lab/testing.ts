/** What the lab's tests share: a build, a lab of it, and time. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Fact } from '../world/facts.ts';
import type { WorldSpec } from '../world/model.ts';
import { type Lab, openLab } from './lab.ts';

const LOOKS = 150;
const LOOK_PAUSE_MS = 200;

/** Builds everything into a directory of its own. */
export function buildDist(): string {
  const dist = mkdtempSync(join(tmpdir(), 'instance-ha-dist-'));
  execFileSync(process.execPath, ['scripts/build.mjs', '--out', dist]);
  return dist;
}

/** A lab whose evacuator has begun. */
export async function beginLab(
  dist: string,
  spec: WorldSpec,
  onFact: (fact: Fact) => void = () => {},
): Promise<Lab> {
  const opened = await openLab({ spec, port: 0, dist, onFact: (_, fact) => onFact(fact) });
  if (!opened.ok) throw new Error(opened.error);
  for (let looks = 0; looks < LOOKS; looks++) {
    if ((await fetch(`${opened.value.url}healthz`)).ok) return opened.value;
    await pause(LOOK_PAUSE_MS);
  }
  await opened.value.close();
  throw new Error('the evacuator does not begin');
}
