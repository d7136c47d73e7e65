import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCloud } from './cloud.ts';
import { DrillError } from './run.ts';

const keystone = createServer((_, response) => response.destroy());
let rcFile: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => keystone.listen(0, '127.0.0.1', resolve));
  const { port } = keystone.address() as AddressInfo;
  rcFile = join(mkdtempSync(join(tmpdir(), 'instance-ha-cloud-')), 'rc');
  writeFileSync(
    rcFile,
    `OS_AUTH_URL=http://127.0.0.1:${port}/v3\nOS_USERNAME=a\nOS_PASSWORD=b\nOS_PROJECT_NAME=c\n`,
  );
});
afterAll(() => keystone.close());

it('an API that breaks off is a failed measurement, not the end of the program', async () => {
  const called = openCloud(rcFile).call('GET', 'compute', '/servers');
  await expect(called).rejects.toThrow(DrillError);
  await expect(called).rejects.toThrow(/^POST http:.*\/v3\/auth\/tokens: no answer \(/);
});
