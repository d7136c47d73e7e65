/**
 * What the page is tried on: the real server and the real evacuator over the small world of its own tests, which
 * here keeps real time; and a browser.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { PAGE_FILES, pageBuild } from '../../scripts/page.mjs';
import type { HostVerdict, InstanceVerdict } from '../core/decision.ts';
import { hostName, nodeName, serverId } from '../core/names.ts';
import { known, type NodeView, type ServiceView } from '../core/observation.ts';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { success } from '../core/result.ts';
import { aNode } from '../core/testing.ts';
import { createEvacuator, type Evacuator } from '../evacuator/loop.ts';
import type { Ports } from '../evacuator/ports.ts';
import { EPOCH, type World } from '../evacuator/testing.ts';
import { createFace, type Face, type Tick } from '../http/face.ts';
import { readStaticFiles, type StaticFile } from '../http/files.ts';
import { labRoutes } from '../http/lab-routes.ts';
import type { ViewerPort } from '../http/looks.ts';
import { reportsIn } from '../http/reports.ts';
import { listen, type Route, type RunningServer } from '../http/server.ts';
import type { FencingRow, InventoryRow } from '../view/model.ts';

export const CHROMIUM = '/usr/bin/chromium';
export const hasBrowser = existsSync(CHROMIUM);
/** Where screenshots and figures are left; ignored by git. */
export const ARTEFACTS = 'artefacts/dashboard';

/** Builds the page as it is delivered, into a directory of its own. */
export async function buildPage(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'instance-ha-page-'));
  await build(pageBuild(directory));
  for (const name of PAGE_FILES) copyFileSync(`src/dashboard/${name}`, join(directory, name));
  mkdirSync(ARTEFACTS, { recursive: true });
  return directory;
}

export async function openBrowser(): Promise<{ browser: Browser; close: () => Promise<void> }> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  return {
    browser,
    close: () => browser.close(),
  };
}

const CONTROLLERS = ['controller-1', 'controller-2', 'controller-3'];
const quietNode = (name: string, kind: NodeView['kind']): NodeView => aNode(name, null, { kind });

/** A server on one port behind which evacuators come and go, as they do on one address after a failover. */
export class Stage {
  readonly world: World;
  readonly #files: ReadonlyMap<string, StaticFile>;
  readonly #fencing: FencingRow[] = [];
  #port = 0;
  #server: RunningServer | null = null;
  #face: Face | null = null;
  #evacuator: (Evacuator & { kill: () => void }) | null = null;
  #controller = 0;
  #timer: NodeJS.Timeout;
  #advancing = Promise.resolve();
  readonly #isLab: boolean;

  private constructor(files: ReadonlyMap<string, StaticFile>, world: World, isLab: boolean) {
    this.#isLab = isLab;
    this.world = world;
    this.#files = files;
    world.clock.time = Date.now() - EPOCH;
    this.#timer = setInterval(() => {
      this.#advancing = this.#advancing.then(() =>
        world.clock.advance(Math.max(0, Date.now() - EPOCH - world.clock.time)),
      );
    }, 50);
  }

  static async over(world: World, page: string, isLab = false): Promise<Stage> {
    const stage = new Stage(await readStaticFiles(page), world, isLab);
    await stage.begin();
    return stage;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** An evacuator begins on the next controller. */
  async begin(): Promise<void> {
    const node = CONTROLLERS[this.#controller++ % CONTROLLERS.length] ?? '';
    const { world } = this;
    const now = (): number => world.nova();
    const identity = { epoch: `${node}:${this.#controller}`, node, version: '0.1.0', since: now() };
    const face = createFace({
      identity,
      clock: { now, mono: () => performance.now() },
      viewer: this.#viewer(),
      reports: reportsIn('/nonexistent'),
      metrics: null,
    });
    const inner = world.ports();
    const ports: Ports = {
      ...inner,
      cluster: {
        ...inner.cluster,
        readNodes: async () => {
          const read = await inner.cluster.readNodes();
          if (!read.known) return read;
          const controllers = CONTROLLERS.map((name) => quietNode(name, 'cluster'));
          return known({ ...read.value, nodes: [...controllers, ...read.value.nodes] });
        },
      },
      journal: {
        report: inner.journal.report,
        tick: face.tick,
        event: face.event,
      },
    };
    const evacuator = createEvacuator(ports, {
      owner: identity.epoch,
      policy: () => DEFAULT_POLICY,
      domain: null,
    });
    void evacuator.run();
    this.#evacuator = { ...evacuator, kill: inner.kill };
    this.#face = face;
    await this.#open(face.routes);
  }

  /** The controller dies: its evacuator, its server and all connections with it. */
  async killController(): Promise<void> {
    this.#evacuator?.kill();
    this.#face?.close();
    await this.#server?.close();
    this.#server = null;
  }

  /** A host loses its power: fenced, evacuated, booted, held, released, enabled. */
  pullPlug(name: string, bootMs = 9_000): void {
    const node = nodeName(name);
    const { world } = this;
    world.online.delete(node);
    world.clock.after(600, () => {
      world.fence(`i${world.nova().toString(36)}`, node);
      world.clock.after(1_500, () =>
        this.#fencing.push({
          target: name,
          action: 'reboot',
          status: 'success',
          completedAt: world.nova(),
          by: 'controller-2',
          client: 'pacemaker-controld.1234',
          reason: null,
        }),
      );
    });
    world.clock.after(bootMs, () => {
      world.rejoin(`boot-${name}-0001`, node);
      const tryToStart = (): void => {
        if (!world.startNovaCompute(node)) world.clock.after(500, tryToStart);
        else world.clock.after(2_500, () => this.#report(name));
      };
      tryToStart();
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#evacuator?.stop();
    await this.killController();
  }

  /** nova-compute reports again and again, as it does every ten seconds. */
  #report(name: string): void {
    const { world } = this;
    const service = world.service(hostName(name));
    world.services.set(service.host, {
      ...service,
      updatedAt: world.nova(),
      state: service.forcedDown ? 'down' : 'up',
    });
    world.clock.after(1_000, () => this.#report(name));
  }

  #viewer(): ViewerPort {
    return {
      readFencing: async () => known([...this.#fencing]),
      readInventory: async () =>
        known(this.world.servers.map(({ id, name, host }): InventoryRow => ({ id, name, host }))),
    };
  }

  async #open(routes: readonly Route[]): Promise<void> {
    const lab = labRoutes({
      describe: () => ({
        hosts: [...this.world.online],
        controllers: CONTROLLERS,
        isNovaRunning: !this.world.cloudDown,
        failingSpawns: 0,
      }),
      act: async (action) => {
        if ('host' in action) this.pullPlug(action.host);
        if (action.kind === 'stop-nova') this.world.cloudDown = true;
        if (action.kind === 'start-nova') this.world.cloudDown = false;
        return success(`${action.kind} done`);
      },
    });
    const opened = await listen({
      access: { address: { host: '127.0.0.1', port: this.#port }, tls: null, token: null },
      routes: this.#isLab ? [...lab, ...routes] : routes,
      files: this.#files,
    });
    if (!opened.ok) throw new Error(opened.error);
    this.#server = opened.value;
    this.#port = opened.value.port;
  }
}

/** A large cloud: `busy` of its hosts are being evacuated, and every call of the tick is a little further. */
export function largeCloud(
  hosts: number,
  instances: number,
  busy: number,
): { inventory: InventoryRow[]; tick: (step: number) => Tick } {
  const name = (i: number): string =>
    `rack-${String(Math.floor(i / 40) + 1).padStart(2, '0')}-compute-${String((i % 40) + 1).padStart(2, '0')}`;
  const nodes = Array.from({ length: hosts }, (_, i) => ({
    ...quietNode(name(i), 'remote'),
    online: i >= busy,
  }));
  const services = nodes.map(
    (node, i) =>
      ({
        id: `s${i}`,
        host: hostName(node.name),
        state: i < busy ? 'down' : 'up',
        status: i % 97 === 96 ? 'disabled' : 'enabled',
        zone: 'nova',
        disabledReason: i % 97 === 96 ? 'disk to be changed' : null,
        forcedDown: i < busy,
        updatedAt: 0,
      }) as unknown as ServiceView,
  );
  const inventory = Array.from({ length: instances }, (_, i): InventoryRow => {
    const host = nodes[(i * 7919) % hosts]?.name ?? '';
    return {
      id: serverId(`${i.toString(16).padStart(8, '0')}-5c1e-4a5b-9d2f-0123456789ab`),
      name: `app-${String(i).padStart(5, '0')}`,
      host: hostName(host),
    };
  });
  const perHost = nodes
    .slice(0, busy)
    .map((node) => inventory.filter(({ host }) => (host as string) === node.name));
  const controllers = CONTROLLERS.map((each) => quietNode(each, 'cluster'));
  return {
    inventory,
    tick(step) {
      const verdicts = nodes.slice(0, busy).map((node, i): HostVerdict => {
        const own = perHost[i] ?? [];
        const done = Math.min(own.length, Math.floor((step + i) / 4));
        return {
          node: node.name,
          host: hostName(node.name),
          incident: `i${i}`,
          phase: 'evacuating',
          text: `evacuating: ${done} of ${own.length} instances moved, ${own.length - done} to go`,
          instances: own.map((row, n): InstanceVerdict => {
            const to =
              n < done + 2 ? hostName(nodes[busy + ((i * 31 + n) % (hosts - busy))]?.name ?? '') : null;
            const outcome = n < done ? 'moved' : n < done + 2 ? 'moving' : 'ready';
            const text =
              n < done
                ? `runs on ${to} as before (active)`
                : n < done + 2
                  ? `on its way to ${to}`
                  : 'waiting for its turn: 10 at a time';
            return {
              id: row.id,
              name: row.name,
              outcome,
              to,
              attempts: 1,
              disk: 'kept',
              differences: [],
              text,
            };
          }),
        };
      });
      return {
        observation: {
          now: Date.now(),
          cluster: known({ haveQuorum: true, nodes: [...controllers, ...nodes] }),
          services: known(services),
          domain: null,
        },
        verdicts,
        gates: [],
        cloudTrouble: null,
      } as unknown as Tick;
    },
  };
}

/** A way to a server that can fall silent without anybody closing anything, as a network does that is cut. */
export async function openRelay(to: string): Promise<{
  readonly url: string;
  readonly mute: () => void;
  readonly unmute: () => void;
  readonly close: () => Promise<void>;
}> {
  const port = Number(new URL(to).port);
  const sockets = new Set<Socket>();
  let isMute = false;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => into.write(data));
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        into.destroy();
      });
      if (isMute) from.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    mute() {
      isMute = true;
      for (const socket of sockets) socket.pause();
    },
    unmute() {
      isMute = false;
      for (const socket of sockets) socket.resume();
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
