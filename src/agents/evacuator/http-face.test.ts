import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Nova } from '../../openstack/nova.ts';
import { openHttpFace } from './http-face.ts';
import type { Journal } from './journal.ts';

it('says what can not be opened, and ends nothing by it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'instance-ha-face-'));
  // A directory where a file of the page should be: reading it rejects.
  mkdirSync(join(dir, 'page.js'));
  const said: string[] = [];
  const journal: Journal = {
    tick: () => {},
    report: () => {},
    alive: () => {},
    policy: () => {},
    event: ({ msg }) => said.push(msg),
  };
  const face = openHttpFace({
    settings: { listen: '127.0.0.1:0', tlsCert: null, tlsKey: null, tokenFile: null },
    identity: { epoch: 'controller-1:1.1', node: 'controller-1', version: '1', since: 1 },
    clock: { now: () => 1, mono: () => 1 },
    nova: {} as Pick<Nova, 'listServers'>,
    pageDirectory: dir,
    reportDirectory: dir,
    metrics: () => '',
    journal,
  });
  await expect
    .poll(() => said)
    .toEqual([expect.stringMatching(/^the dashboard is not served, the work goes on: EISDIR/)]);
  await face.close();
  rmSync(dir, { recursive: true });
});
