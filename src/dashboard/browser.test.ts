import { writeFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { known } from '../core/observation.ts';
import { World } from '../evacuator/testing.ts';
import { createFace } from '../http/face.ts';
import { readStaticFiles } from '../http/files.ts';
import { reportsIn } from '../http/reports.ts';
import { listen } from '../http/server.ts';
import {
  ARTEFACTS,
  buildPage,
  CHROMIUM,
  hasBrowser,
  largeCloud,
  openBrowser,
  openRelay,
  Stage,
} from './testing.ts';

const STORY_LIMIT_MS = 120_000;
const FRAMES = 250;
/** The page's own work for a frame, whatever else goes on, in units of a fixed piece of work: machines differ in speed. */
const MAX_UNITS_PER_FRAME = 2;
/** It is measured so often at most, until it is within that. */
const MAX_TRIES = 3;
/** Drawn without a graphics card, on a machine that may be busy. */
const MAX_MEDIAN_FRAME_MS = 100;

/** In a real browser, where there is one (on Debian: scripts/install-browser). */
describe.skipIf(!hasBrowser)(`the page in ${CHROMIUM}`, () => {
  let directory: string;
  let browser: Browser;
  let closeBrowser: () => Promise<void>;
  const closers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    directory = await buildPage();
    ({ browser, close: closeBrowser } = await openBrowser());
  }, 60_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  afterAll(() => closeBrowser());

  /** A tab that fails the test for an error in it, and for whatever the policy has forbidden. */
  async function open(url: string, width = 1360, height = 860): Promise<{ tab: Page; errors: string[] }> {
    const context = await browser.newContext({ viewport: { width, height } });
    const tab = await context.newPage();
    const errors: string[] = [];
    tab.on('pageerror', (error) => errors.push(error.message));
    tab.on('console', (message) => {
      // That nobody listens for a while is part of the story.
      if (message.type() === 'error' && !/ERR_CONNECTION|ERR_EMPTY|ERR_INCOMPLETE/.test(message.text()))
        errors.push(message.text());
    });
    closers.push(() => context.close());
    await tab.goto(url);
    return { tab, errors };
  }

  async function stageOf(world: World, isLab = false): Promise<Stage> {
    const stage = await Stage.over(world, directory, isLab);
    closers.push(() => stage.close());
    return stage;
  }

  /**
   * Twelve hosts with a few instances each, one of them full; spawns that end one after the other, so that some look shows
   * a part of them however slow the machine is, and one without success.
   */
  function cloud(): World {
    const world = new World(24, 12);
    const others = [...world.services.keys()].slice(1);
    for (let i = 24; i < 60; i++) {
      const host = others[i % others.length];
      if (host !== undefined) world.addServer(i, 'active', { host });
    }
    world.fate = (n) => ({
      spawnMs: 1_500 + n * 400,
      end: n === 5 ? 'error' : 'done',
      answer: 'given',
    });
    return world;
  }

  const badge = (tab: Page, name: string): ReturnType<Page['locator']> =>
    tab.locator('button', { has: tab.locator('.name', { hasText: new RegExp(`^${name}$`) }) }).first();

  it(
    'tells the story from the plug to the enabled host, with a failover in the middle',
    async () => {
      const world = cloud();
      const stage = await stageOf(world, true);
      const { tab, errors } = await open(stage.url);
      await tab.getByText('All 12 hosts are up').waitFor();
      await tab.screenshot({ path: `${ARTEFACTS}/1-calm.png` });

      await badge(tab, 'compute-1').click();
      await tab.getByRole('button', { name: 'Pull the plug' }).click();
      await tab.locator('.card.s-evacuating').waitFor();
      await tab.getByText('power confirmed off').waitFor();
      await tab.locator('.card .bar .moving').waitFor();
      await tab.locator('.instance.o-moved, .instance.o-verifying').nth(4).waitFor();
      await tab.screenshot({ path: `${ARTEFACTS}/2-evacuating.png` });

      await stage.killController();
      await tab.getByText('Not live.').waitFor();
      await tab.locator('.live.is-lost').waitFor();
      expect(await tab.locator('.stale').count()).toBe(1);
      expect(await tab.locator('.live.is-live').count()).toBe(0);
      expect(await tab.title()).toContain('not live');
      await tab.screenshot({ path: `${ARTEFACTS}/3-cut-off.png` });

      await stage.begin();
      await tab.locator('.live.is-live').waitFor();
      await tab.getByText('controller-2', { exact: false }).first().waitFor();
      await tab.getByText('taking over from controller-1').first().waitFor();
      // What only the first evacuator said is gone with it, what the records say is not.
      await tab.getByText('power confirmed off').waitFor();
      await tab.screenshot({ path: `${ARTEFACTS}/4-after-failover.png` });

      await tab.locator('.tile.s-up', { hasText: 'compute-1' }).first().waitFor({ timeout: STORY_LIMIT_MS });
      await tab.getByText('All 12 hosts are up').waitFor({ timeout: STORY_LIMIT_MS });
      await tab.getByText('closed', { exact: true }).waitFor();
      await tab.screenshot({ path: `${ARTEFACTS}/5-back.png` });
      expect(world.servers.filter(({ host }) => host === 'compute-1')).toHaveLength(0);
      await expect.poll(() => badge(tab, 'compute-1').locator('.count').textContent()).toBe('0');
      expect(world.violations).toEqual([]);
      expect(errors).toEqual([]);
    },
    2 * STORY_LIMIT_MS,
  );

  it('says that it is not live when the server falls silent without closing anything', async () => {
    const stage = await stageOf(cloud());
    const relay = await openRelay(stage.url);
    closers.push(relay.close);
    const { tab } = await open(relay.url);
    await tab.locator('.live.is-live').waitFor();
    // The connection stays open, but nothing comes any more.
    relay.mute();
    await tab.getByText('Not live.').waitFor({ timeout: 30_000 });
    relay.unmute();
    await tab.locator('.live.is-live').waitFor({ timeout: 30_000 });
    expect(await tab.locator('.stale').count()).toBe(0);
  });

  it('can only be looked at outside the lab', async () => {
    const stage = await stageOf(cloud());
    const { tab, errors } = await open(stage.url);
    await badge(tab, 'compute-2').click();
    await tab.locator('.panel').waitFor();
    expect(await tab.locator('.danger').count()).toBe(0);
    expect(await tab.locator('.tag').count()).toBe(0);
    expect(errors).toEqual([]);
  });

  it('says what holds everything up, and what would open it', async () => {
    const world = cloud();
    world.quorum = false;
    const stage = await stageOf(world);
    const { tab } = await open(stage.url);
    await tab.locator('.gates li', { hasText: 'quorum' }).waitFor();
    expect(await tab.locator('.gates .opens').first().textContent()).toMatch(/^It goes on when .+\.$/);
    expect(await tab.locator('.calm').count()).toBe(0);
    await tab.screenshot({ path: `${ARTEFACTS}/6-gate.png` });
  });

  it('goes by the keyboard alone', async () => {
    const stage = await stageOf(cloud());
    const { tab } = await open(stage.url);
    await badge(tab, 'compute-12').waitFor();
    await tab.keyboard.press('/');
    await tab.keyboard.type('compute-1');
    await tab.getByText('4 of 12 hosts').waitFor();
    await tab.keyboard.press('Escape');
    await tab.getByText('12 hosts', { exact: true }).waitFor();
    await badge(tab, 'compute-1').focus();
    await tab.keyboard.press('ArrowRight');
    await tab.keyboard.press('ArrowRight');
    await tab.keyboard.press('Enter');
    await tab.locator('.panel h2', { hasText: 'compute-3' }).waitFor();
    await tab.keyboard.press('Escape');
    await tab.locator('.panel').waitFor({ state: 'detached' });
    // Every control can be seen when it has the focus.
    for (let i = 0; i < 12; i++) {
      await tab.keyboard.press('Tab');
      const focused = await tab.evaluate(
        '[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]',
      );
      expect(focused).not.toEqual([expect.not.stringMatching('BODY'), 'none']);
    }
  });

  it('finds an instance by its name', async () => {
    const stage = await stageOf(cloud());
    const { tab } = await open(stage.url);
    await tab.getByText('60 instances, listed').waitFor();
    await tab.getByRole('searchbox').fill('vm-007');
    await tab.getByRole('button', { name: 'vm-007' }).click();
    await tab.locator('.panel h2', { hasText: 'compute-1' }).waitFor();
    expect(new URL(tab.url()).hash).toBe('#compute-1');
  });

  it('fits 360 px, in light and in dark', async () => {
    const stage = await stageOf(cloud());
    const { tab } = await open(stage.url, 360, 740);
    stage.pullPlug('compute-1');
    await tab.locator('.card.s-evacuating').waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      await tab.emulateMedia({ colorScheme });
      expect(await tab.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
      await tab.screenshot({ path: `${ARTEFACTS}/7-narrow-${colorScheme}.png` });
    }
    // A long reason is cut after its second line, and an address is broken where it has to be.
    const set = (selector: string, words: string, then: string): Promise<unknown> =>
      tab.evaluate(
        `(() => { const element = document.querySelector('${selector}'); element.textContent = '${words}'; return ${then}; })()`,
      );
    const textHeight = async (words: string): Promise<number> =>
      Number(await set('.card .text', words, 'element.clientHeight'));
    const oneLine = await textHeight('short');
    expect(oneLine).toBeGreaterThan(0);
    expect(await textHeight('why it waits '.repeat(40))).toBeLessThanOrEqual(2 * oneLine);
    await tab.locator('.card').first().click();
    await tab.locator('.panel .timeline .what').first().waitFor();
    expect(await tab.evaluate("document.querySelector('aside').scrollWidth")).toBeLessThanOrEqual(360);
    const address = `http://127.0.0.1:45801/${'controller'.repeat(12)}`;
    const isCut = await set('.timeline .what', address, 'element.scrollWidth > element.clientWidth');
    expect(isCut).toBe(false);
    await tab.screenshot({ path: `${ARTEFACTS}/8-narrow-panel.png` });
  });

  it('shows a report as what it is, whatever names and reasons have in them', async () => {
    const stage = await stageOf(cloud());
    const { tab, errors } = await open(stage.url, 360);
    const name = '<img src=x onerror=alert(1)> | **vm**';
    const report = {
      ...{ incident: 'abc', node: 'compute-1', host: 'compute-1', state: 'closed', text: 'back and enabled' },
      timeline: [{ at: 1_000, text: 'the evacuation of vm-id failed once' }],
      gates: [
        {
          gate: { id: 'paused', text: 'paused by ann', opens: 'the pause ends' },
          ...{ from: 400, until: 2_000 },
        },
      ],
      instances: [
        {
          ...{ id: 'vm-id', name, outcome: 'moved', to: 'compute-2', attempts: 2, disk: 'kept' },
          ...{ durationMs: 2_000, reason: 'runs on compute-2', differences: ['an address has gone'] },
        },
      ],
    };
    await tab.route('**/api/reports', (route) =>
      route.fulfill({ json: { reports: [{ id: 'abc', at: 1_000, node: 'compute-1' }] } }),
    );
    await tab.route('**/api/reports/abc.json', (route) => route.fulfill({ json: report }));
    await tab.reload();
    await tab.getByRole('button', { name: 'compute-1 abc' }).click();
    await tab.getByRole('heading', { name: 'compute-1: 1 instance: 1 moved' }).waitFor();
    expect(await tab.locator('.report td').nth(1).textContent()).toBe(
      `the evacuation of ${name} failed once`,
    );
    expect(await tab.locator('.report td', { hasText: 'not as before: an address has gone' }).count()).toBe(
      1,
    );
    expect(await tab.locator('.report img').count()).toBe(0);
    // It was closed before the incident.
    await tab.locator('.report td', { hasText: '−0.6 s' }).waitFor();
    await tab.screenshot({ path: `${ARTEFACTS}/10-report-narrow.png` });
    await tab.keyboard.press('Escape');
    await expect.poll(() => tab.locator('dialog[open]').count()).toBe(0);
    expect(errors).toEqual([]);
  });

  it(
    'shows 1,000 hosts and 20,000 instances without stutter while 40 hosts are evacuated',
    async () => {
      const large = largeCloud(1_000, 20_000, 40);
      const face = createFace({
        identity: { epoch: 'controller-1:1', node: 'controller-1', version: '0.1.0', since: Date.now() },
        clock: { now: () => Date.now(), mono: () => performance.now() },
        viewer: { readFencing: async () => known([]), readInventory: async () => known(large.inventory) },
        reports: reportsIn('/nonexistent'),
        metrics: null,
      });
      const opened = await listen({
        access: { address: { host: '127.0.0.1', port: 0 }, tls: null, token: null },
        routes: face.routes,
        files: await readStaticFiles(directory),
      });
      if (!opened.ok) throw new Error(opened.error);
      // Nothing goes on at first, so that the instances are listed.
      face.tick({ ...large.tick(0), verdicts: [] });
      const { tab, errors } = await open(`http://127.0.0.1:${opened.value.port}/`);
      await tab.getByText('20,000 instances, listed').waitFor();
      const interactiveMs = (await tab.evaluate('performance.now()')) as number;
      let step = 0;
      const ticks = setInterval(() => face.tick(large.tick(step++)), 500);
      closers.push(async () => {
        clearInterval(ticks);
        face.close();
        await opened.value.close();
      });
      await tab.locator('.card.s-evacuating').first().waitFor();
      await tab.screenshot({ path: `${ARTEFACTS}/9-large.png` });
      const drawn = (await tab.evaluate("document.querySelectorAll('.cell').length")) as number;
      // Down and up again through all of it, frame by frame, while changes arrive.
      const cdp = await tab.context().newCDPSession(tab);
      await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
      const cpu = async (): Promise<number> => {
        const { metrics } = await cdp.send('Performance.getMetrics');
        return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0);
      };
      const cpuOf = async (work: () => Promise<unknown>, times: number): Promise<number> => {
        const before = await cpu();
        await work();
        return ((await cpu()) - before) / times;
      };
      let frames: number[] = [];
      const scroll = async (): Promise<void> => {
        frames = (await tab.evaluate(SCROLL_AND_MEASURE)) as number[];
      };
      const measure = async (): Promise<{ readonly frameMs: number; readonly unitMs: number }> => ({
        frameMs: await cpuOf(scroll, FRAMES),
        unitMs: await cpuOf(() => tab.evaluate(FIXED_WORK), FIXED_ROUNDS),
      });
      // What else goes on only ever adds to the one, and to the other at another time: a page that is slow is so each time.
      let { frameMs, unitMs } = await measure();
      for (let tries = 1; tries < MAX_TRIES && frameMs / unitMs >= MAX_UNITS_PER_FRAME; tries++)
        ({ frameMs, unitMs } = await measure());
      frames.sort((a, b) => a - b);
      const at = (share: number): number => Math.round(frames[Math.floor((frames.length - 1) * share)] ?? 0);
      const figures = {
        hosts: 1_000,
        instances: 20_000,
        evacuating: 40,
        frames: frames.length,
        medianMs: at(0.5),
        p95Ms: at(0.95),
        p99Ms: at(0.99),
        maxMs: at(1),
        cpuPerFrameMs: Math.round(10 * frameMs) / 10,
        unitMs: Math.round(10 * unitMs) / 10,
        drawnCells: drawn,
        listedAfterMs: Math.round(interactiveMs),
        heapMiB: Math.round(((await tab.evaluate('performance.memory.usedJSHeapSize')) as number) / 2 ** 20),
      };
      writeFileSync(`${ARTEFACTS}/figures.json`, `${JSON.stringify(figures, null, 2)}\n`);
      console.log('1,000 hosts:', JSON.stringify(figures));
      expect(drawn).toBeLessThan(600);
      expect(frameMs / unitMs).toBeLessThan(MAX_UNITS_PER_FRAME);
      expect(figures.medianMs).toBeLessThan(MAX_MEDIAN_FRAME_MS);
      expect(await tab.locator('.live.is-live').count()).toBe(1);
      expect(errors).toEqual([]);
    },
    STORY_LIMIT_MS,
  );
});

const FIXED_ROUNDS = 40;
/** The fixed piece of work, so many times: 20,000 numbers are made and sorted. */
const FIXED_WORK = `(() => {
  for (let round = 0; round < ${FIXED_ROUNDS}; round++) {
    let x = 1;
    Array.from({ length: 20_000 }, () => (x = (x * 16_807) % 2_147_483_647)).sort((a, b) => a - b);
  }
})()`;

/** Scrolls through the page, down and up, in as many frames; gives how long each took, ms. */
const SCROLL_AND_MEASURE = `new Promise((resolve) => {
  const frames = [];
  let last = performance.now();
  const most = document.documentElement.scrollHeight - innerHeight;
  const step = (now) => {
    frames.push(now - last);
    last = now;
    const share = frames.length / ${FRAMES};
    if (share > 1) return resolve(frames.slice(1));
    scrollTo(0, most * (1 - Math.abs(1 - 2 * share)));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`;
