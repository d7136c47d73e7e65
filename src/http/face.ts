import type { Gate, HostVerdict } from '../core/decision.ts';
import type { Observation } from '../core/observation.ts';
import { buildView, type Seen } from '../view/build.ts';
import { snapshotOf } from '../view/change.ts';
import type { EvacuatorIdentity, View } from '../view/model.ts';
import { ALIVE_MS, createHub } from './hub.ts';
import { createLooks, type ViewerPort } from './looks.ts';
import { createPast, type Said } from './past.ts';
import type { Reports } from './reports.ts';
import { json, type Reply, type Route } from './server.ts';

/** Changes are sent at most this often, ms. */
const PUBLISH_PAUSE_MS = 200;
/** Without a tick for so long the evacuator is not well, ms; the same bound as the resource agent's monitor has. */
const TICK_LIMIT_MS = 60_000;

/** A tick as the journal gets it. */
export interface Tick {
  readonly observation: Observation;
  readonly verdicts: readonly HostVerdict[];
  readonly gates: readonly Gate[];
  readonly cloudTrouble: string | null;
}

export interface FaceOptions {
  readonly identity: EvacuatorIdentity;
  readonly clock: { now(): number; mono(): number };
  readonly viewer: ViewerPort;
  readonly reports: Reports;
  /** The metrics in Prometheus' text format; null: there are none here. */
  readonly metrics: (() => string) | null;
}

/** What the evacuator shows of itself: fed with its ticks and lines, it answers the routes of the server. */
export interface Face {
  readonly tick: (tick: Tick) => void;
  readonly event: (line: Said) => void;
  /** The process makes progress though a long tick is not over. */
  readonly alive: () => void;
  readonly routes: readonly Route[];
  readonly close: () => void;
}

/**
 * Its heart beats from now on until `close`; it keeps no process alive. Before the first tick /healthz answers 503 and the view says
 * that nothing is known.
 */
export function createFace({ identity, clock, viewer, reports, metrics }: FaceOptions): Face {
  const past = createPast();
  let seen: Seen | null = null;
  let aliveAt = clock.mono();
  let timer: NodeJS.Timeout | null = null;
  const looks = createLooks(viewer, clock, publishSoon);
  const tickAgeMs = (): number => clock.mono() - aliveAt;
  const view = (): View =>
    buildView(identity, seen ?? nothingSeen(identity, clock), looks.extras(), {
      incidents: past.incidents(),
      lines: past.lines(),
    });
  const hub = createHub({ view, tickAgeMs, mono: clock.mono });

  function publishSoon(): void {
    if (timer !== null || hub.clients() === 0) return;
    timer = setTimeout(() => {
      timer = null;
      hub.publish();
    }, PUBLISH_PAUSE_MS);
    timer.unref();
  }

  function lookForViewers(): void {
    if (hub.clients() > 0) looks.lookIfDue();
  }

  const heart = setInterval(() => {
    hub.alive();
    lookForViewers();
  }, ALIVE_MS);
  heart.unref();

  const health = (): Reply => {
    const ageMs = Math.round(tickAgeMs());
    const isWell = seen !== null && ageMs <= TICK_LIMIT_MS;
    return json({ status: isWell ? 'ok' : 'no tick', tickAgeMs: ageMs }, isWell ? 200 : 503);
  };

  const routes: Route[] = [
    { method: 'GET', path: '/healthz', open: true, answer: health },
    { method: 'GET', path: '/api/state', answer: () => json(snapshotOf(view(), 0)) },
    // The page asks once whether it may offer more than looking; only the lab says yes.
    { method: 'GET', path: '/api/lab', answer: () => json({ lab: null }) },
    {
      method: 'GET',
      path: '/api/events',
      answer: (_, response) => {
        response.writeHead(200, {
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
        });
        if (!hub.join(response)) {
          response.end('event: full\ndata: {}\n\n');
          return 'stream';
        }
        hub.alive();
        lookForViewers();
        return 'stream';
      },
    },
    { method: 'GET', path: '/api/reports', answer: async () => json({ reports: await reports.list() }) },
    { method: 'GET', path: '/api/reports/', answer: ({ path }) => readReport(reports, path) },
  ];
  if (metrics !== null)
    routes.push({
      method: 'GET',
      path: '/metrics',
      answer: () => ({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: metrics(),
      }),
    });

  return {
    tick({ observation, verdicts, gates, cloudTrouble }) {
      seen = { observation, verdicts, gates, cloudTrouble };
      aliveAt = clock.mono();
      past.see(seen);
      looks.see(verdicts);
      publishSoon();
    },
    event(line) {
      past.note(line, clock.now());
      publishSoon();
    },
    alive() {
      aliveAt = clock.mono();
    },
    routes,
    close() {
      clearInterval(heart);
      if (timer !== null) clearTimeout(timer);
      hub.close();
    },
  };
}

/** Before the first tick: nothing is known, and it says so. */
function nothingSeen(identity: EvacuatorIdentity, clock: FaceOptions['clock']): Seen {
  const notYet = { known: false, reason: 'the evacuator has not looked yet' } as const;
  const observation = {
    now: clock.now(),
    owner: identity.epoch,
    cluster: notYet,
    services: notYet,
    domain: null,
  };
  return { observation, verdicts: [], gates: [], cloudTrouble: null };
}

async function readReport(reports: Reports, path: string): Promise<Reply> {
  const match = /^\/api\/reports\/([^/]+)\.(json|md)$/.exec(path);
  const format = match?.[2] === 'md' ? 'md' : 'json';
  const body = match?.[1] === undefined ? null : await reports.read(match[1], format);
  if (body === null)
    return { status: 404, type: 'text/plain; charset=utf-8', body: 'there is no such report\n' };
  const type = format === 'md' ? 'text/markdown' : 'application/json';
  return { status: 200, type: `${type}; charset=utf-8`, body };
}
