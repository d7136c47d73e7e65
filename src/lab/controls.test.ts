import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ARTEFACTS, CHROMIUM, hasBrowser, openBrowser } from '../dashboard/testing.ts';
import { type Lab, openLab } from './lab.ts';
import { labSpec } from './spec.ts';

/** Spawns are long enough that a controller can be killed between the first and the last. */
const SIZE = { hosts: 4, instances: 12, spawnS: 4 };
/** Of one thing that is waited for; a machine that is busy with other things takes many times as long as an idle one. */
const STEP_LIMIT_MS = 120_000;

/**
 * Every control of the lab, pressed on its page in a real browser: real agents, real evacuators, and what is seen is what
 * has happened in the world. In their order, because each begins with what the one before has left.
 */
describe.skipIf(!hasBrowser)(`the lab's controls in ${CHROMIUM}`, () => {
  let dist: string;
  let lab: Lab;
  let browser: Browser;
  let closeBrowser: () => Promise<void>;
  let tab: Page;
  const errors: string[] = [];

  beforeAll(async () => {
    dist = mkdtempSync(join(tmpdir(), 'instance-ha-dist-'));
    mkdirSync(ARTEFACTS, { recursive: true });
    execFileSync(process.execPath, ['scripts/build.mjs', '--out', dist]);
    const spec = labSpec(SIZE, Date.now());
    const quick = {
      ...spec,
      computes: spec.computes.map((compute) => ({ ...compute, bootMs: [3_000, 4_000] as const })),
    };
    const opened = await openLab({ spec: quick, port: 0, dist, onFact: () => {} });
    if (!opened.ok) throw new Error(opened.error);
    lab = opened.value;
    ({ browser, close: closeBrowser } = await openBrowser());
    tab = await (await browser.newContext({ viewport: { width: 1360, height: 900 } })).newPage();
    tab.setDefaultTimeout(STEP_LIMIT_MS);
    tab.on('pageerror', (error) => errors.push(error.message));
    await tab.goto(lab.url);
    await allUp().waitFor();
  }, 120_000);
  afterAll(async () => {
    await closeBrowser?.();
    await lab?.close();
    rmSync(dist, { recursive: true, force: true });
  });

  const allUp = (): Locator => tab.getByText(`All ${SIZE.hosts} hosts are up`);
  const press = (name: string | RegExp): Promise<void> => tab.getByRole('button', { name }).click();
  const hasSaid = (text: string): Promise<void> => tab.locator('output', { hasText: text }).first().waitFor();
  const on = (host: string): number =>
    [...lab.world.nova.instances.values()].filter((instance) => instance.host === host).length;
  const openHost = async (host: string): Promise<void> => {
    await tab.goto(`${lab.url}#${host}`);
    await tab.locator('.panel h2', { hasText: host }).waitFor();
  };
  const guestsTwice = (): number => {
    const running = [...lab.world.machines.values()].flatMap(({ guests }) =>
      [...guests].flatMap(([server, state]) => (state === 'running' ? [server] : [])),
    );
    return running.length - new Set(running).size;
  };
  /** Gone from the host, and the host back. */
  const isThrough = async (host: string): Promise<void> => {
    await tab.locator('.card.s-evacuating').first().waitFor();
    await allUp().waitFor();
    expect(on(host)).toBe(0);
    expect(guestsTwice()).toBe(0);
    expect(lab.world.nova.services.get(host)).toMatchObject({ status: 'enabled', forcedDown: false });
  };

  it(
    'a spawn fails, the plug is pulled, and the controller at work is killed in the middle',
    async () => {
      await press('Fail a spawn');
      await hasSaid('the next spawn on compute-4 fails');
      await tab.getByRole('button', { name: 'Fail a spawn (1 to come)' }).waitFor();
      await openHost('compute-1');
      await press('Pull the plug');
      await hasSaid('compute-1 has lost its power');
      await tab.getByText('power confirmed off').first().waitFor();
      const first = lab.world.cluster.evacuator?.on ?? '';
      await press(`Kill ${first}`);
      await tab.locator('.live.is-lost').waitFor();
      await tab.screenshot({ path: `${ARTEFACTS}/lab-1-controller-killed.png` });
      await tab.locator('.live.is-live').waitFor();
      expect(lab.world.cluster.evacuator?.on).not.toBe(first);
      await tab.getByText(`taking over from ${first}`).first().waitFor();
      await isThrough('compute-1');
      await tab.screenshot({ path: `${ARTEFACTS}/lab-2-back.png` });
    },
    3 * STEP_LIMIT_MS,
  );

  it(
    'a kernel panics',
    async () => {
      await openHost('compute-2');
      await press('Crash');
      await hasSaid('the kernel of compute-2 has panicked');
      await isThrough('compute-2');
    },
    2 * STEP_LIMIT_MS,
  );

  it(
    'a network is cut: its guests run on, and nothing is asked for before its power is off',
    async () => {
      await openHost('compute-3');
      expect(on('compute-3')).toBeGreaterThan(0);
      await press('Cut the network');
      await hasSaid('its guests run on until it is fenced');
      await isThrough('compute-3');
    },
    2 * STEP_LIMIT_MS,
  );

  it(
    'Nova stops, a host dies, and nothing but the waiting is seen until Nova is back',
    async () => {
      await press('Stop Nova');
      await hasSaid("Nova's API has stopped");
      await openHost('compute-4');
      await press('Pull the plug');
      await tab.locator('.gates li').first().waitFor();
      await tab.screenshot({ path: `${ARTEFACTS}/lab-3-nova-stopped.png` });
      await expect
        .poll(() => lab.world.cluster.permanent.get('compute-4')?.has('instance-ha-incident'), {
          timeout: STEP_LIMIT_MS,
        })
        .toBe(true);
      expect(lab.world.nova.services.get('compute-4')?.forcedDown).toBe(false);
      await press('Start Nova');
      await hasSaid('Nova answers again');
      await isThrough('compute-4');
      expect(errors).toEqual([]);
    },
    3 * STEP_LIMIT_MS,
  );
});
