import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { CHAPTERS } from './chapters/all.ts';
import { openLabPlace } from './places/lab.ts';
import { STATEMENT_LIMIT_MS } from './statement.ts';

const dist = mkdtempSync(join(tmpdir(), 'instance-ha-dist-'));
execFileSync(process.execPath, ['scripts/build.mjs', '--out', dist]);
const place = await openLabPlace(dist);
afterAll(async () => {
  await place.close();
  rmSync(dist, { recursive: true, force: true });
});

describe('what the lab and the real thing have in common', () => {
  for (const { title, tell } of CHAPTERS)
    describe(title, () => {
      for (const { says, holds } of tell(place)) it(says, holds, STATEMENT_LIMIT_MS);
    });
});
