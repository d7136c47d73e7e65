/** Runs the evacuator over a modelled control plane, and counts what it asks of Nova. */
import type { ServerId } from '../core/names.ts';
import { DEFAULT_POLICY, type Policy } from '../core/policy.ts';
import type { Job, Plane } from '../core/testing-planes.ts';
import { createEvacuator } from './loop.ts';
import type { Answer, CloudPort, Ports } from './ports.ts';
import { World } from './testing.ts';
import { isReleased, until } from './testing-runs.ts';

/** How finely the plane's time runs, ms. */
const STEP_MS = 50;
/** No run takes longer, ms. */
const LIMIT_MS = 1_800_000;

export interface Figures {
  /** Requests to Nova from the death to the release, and with the way back. */
  readonly toRelease: number;
  readonly withReturn: number;
  /** First request to evacuate to last arrival, ms. */
  readonly tookMs: number;
  /** Last arrival to the release, ms. */
  readonly releaseMs: number;
  readonly widest: number;
  /** Looks at the cluster, a second, from the first request to the release. */
  readonly looksPerSecond: number;
  /** Each request with its time, for a look at it. */
  readonly asked: readonly string[];
}

export interface Run {
  readonly plane: Plane;
  readonly instances: number;
  /** How long a question takes beside so many unfinished evacuations, ms. */
  readonly questionMs: (unfinished: number) => number;
  /** From the start of nova-compute to its first report, ms. */
  readonly startMs: number;
  readonly policy?: Policy;
  readonly prepare?: (world: World) => void;
}

/** Placement, Glance and Neutron are not Nova. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'providerTraits',
  'hostsOfConsumer',
  'findImages',
  'listPorts',
  'microversion',
]);

/** Nova's times have whole seconds. */
const second = (ms: number): number => Math.floor(ms / 1_000) * 1_000;

export async function figuresOf({
  plane,
  instances,
  questionMs,
  startMs,
  policy,
  prepare,
}: Run): Promise<Figures> {
  const world = new World(instances);
  prepare?.(world);
  const jobs = new Map<ServerId, Job>();
  const waits: { readonly isDue: () => boolean; readonly go: () => void }[] = [];
  const wait = (isDue: () => boolean): Promise<void> =>
    new Promise((resolve) => waits.push({ isDue, go: resolve }));
  const isPast = (at: number | null | undefined): boolean =>
    at !== null && at !== undefined && at <= plane.time;
  world.fate = (_, { id }) => ({
    spawnMs: 0,
    end: 'done',
    answer: 'given',
    queuedMs: requestMs(plane.unfinished),
    plane: {
      claimed: () => {
        const job = plane.ask();
        jobs.set(id, job);
        return wait(() => isPast(job.claimed));
      },
      ended: () => wait(() => isPast(jobs.get(id)?.ended)),
    },
  });
  const turn = (): void => {
    plane.advance(STEP_MS);
    for (const each of waits.splice(0)) {
      if (each.isDue()) each.go();
      else waits.push(each);
    }
    world.clock.after(STEP_MS, turn);
  };
  world.clock.after(STEP_MS, turn);

  const asked: string[] = [];
  let counted = 0;
  const count = (name: string): void => {
    asked.push(`${((world.clock.time - died) / 1_000).toFixed(1)} ${name} (${plane.unfinished} unfinished)`);
    if (!ELSEWHERE.has(name)) counted++;
  };
  const looks: number[] = [];
  const inner = counting(world, plane, questionMs, count);
  const ports: Ports = {
    ...inner,
    cluster: {
      ...inner.cluster,
      readNodes: () => {
        looks.push(world.clock.time);
        return inner.cluster.readNodes();
      },
    },
  };
  let died = 0;
  const evacuator = createEvacuator(ports, {
    owner: 'controller-1:1',
    policy: () => policy ?? DEFAULT_POLICY,
    domain: null,
  });
  const ended = evacuator.run();
  await world.clock.advance(63_000);
  died = world.clock.time;
  counted = 0;
  asked.length = 0;
  world.fence();
  let widest = 0;
  const isHere = (): boolean => {
    widest = Math.max(widest, plane.unfinished);
    return isReleased(world);
  };
  if (!(await until(world, LIMIT_MS, isHere))) throw new Error(world.log.slice(-20).join('\n'));
  const toRelease = counted;
  const released = world.clock.time;
  const first = world.asked[0]?.at ?? 0;
  const last = Math.max(...world.evacuations.map((e) => e.updatedAt)) - world.nova() + released;
  world.rejoin();
  world.novaCompute = 'stopped';
  await world.clock.advance(20_000);
  world.novaCompute = 'running';
  await world.clock.advance(startMs);
  if (!world.startNovaCompute()) throw new Error(world.log.slice(-20).join('\n'));
  if (!(await until(world, LIMIT_MS, () => world.attribute('instance-ha-evacuation') === undefined)))
    throw new Error(world.log.slice(-20).join('\n'));
  evacuator.stop();
  await world.clock.advance(1_000);
  await ended;
  return {
    toRelease,
    withReturn: counted,
    tookMs: last - first,
    releaseMs: released - last,
    widest,
    looksPerSecond: looks.filter((at) => at >= first && at <= released).length / ((released - first) / 1_000),
    asked,
  };
}

/** The world's ports, with each request counted, questions as slow as a busy Nova, and its times in whole seconds. */
function counting(
  world: World,
  plane: Plane,
  questionMs: (unfinished: number) => number,
  count: (name: string) => void,
): Ports {
  const ports = world.ports();
  const cloud = Object.fromEntries(
    Object.entries(ports.cloud).map(([name, ask]) => [
      name,
      async (...args: never[]) => {
        count(name);
        if (name !== 'evacuate') await world.clock.delay(questionMs(plane.unfinished));
        const answer = await (ask as (...all: never[]) => Promise<Answer<unknown>>)(...args);
        return name === 'listEvacuations' ? rounded(answer) : answer;
      },
    ]),
  ) as unknown as CloudPort;
  return { ...ports, cloud };
}

function rounded(answer: Answer<unknown>): Answer<unknown> {
  if (!answer.ok) return answer;
  const { items, novaNow, partial } = answer.value as Extract<
    Awaited<ReturnType<CloudPort['listEvacuations']>>,
    { ok: true }
  >['value'];
  const value = {
    items: items.map((e) => ({ ...e, createdAt: second(e.createdAt), updatedAt: second(e.updatedAt) })),
    novaNow: second(novaNow),
    partial,
  };
  return { ok: true, value };
}

/** The time that the best bare loop of a set takes on a plane like this one, ms. */
export function bestLoopMs(plane: () => Plane, count: number): number {
  return Math.min(...[4, 8, 16, 32, 64].map((window) => bareLoopMs(plane(), count, window)));
}

/** A bare loop that keeps `window` evacuations unfinished, and knows at once when one is over. */
function bareLoopMs(plane: Plane, count: number, window: number): number {
  const sent: number[] = [];
  let left = count;
  while (plane.asked < count || plane.unfinished > 0) {
    for (; left > 0 && plane.unfinished + sent.length < window; left--)
      sent.push(plane.time + requestMs(plane.unfinished) + CONDUCT_MS);
    for (const at of sent.splice(0)) {
      if (at <= plane.time) plane.ask();
      else sent.push(at);
    }
    plane.advance(STEP_MS);
  }
  return plane.lastEnd;
}

/** How long a request to evacuate lies in nova-api beside so many unfinished evacuations, ms. */
function requestMs(unfinished: number): number {
  return 100 + Math.min(1_000, 100 * unfinished);
}

/** From there to the conductor's message, ms. */
const CONDUCT_MS = 200;
