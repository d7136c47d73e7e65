/** From what was seen of a trial to its figures. Pure. */
import { type RequestEvent, serverOfPath } from '../testbed/drill/events.ts';
import type { DatabaseLook } from '../testbed/drill/observe.ts';
import type { Trial } from './options.ts';

/** One look at a trial under way. */
export interface Sample {
  /** Epoch, seconds. */
  readonly at: number;
  readonly arrived: number;
  readonly inFlight: number;
  /** The engine's window then; null: not told. */
  readonly window: number | null;
}

/** The evacuator's process at a moment. */
export interface ProcessLook {
  readonly cpuS: number;
  readonly peakMiB: number;
  readonly window: number | null;
}

export interface Seen {
  readonly trial: Trial;
  readonly servers: readonly string[];
  /** nova-api's requests since the power loss. */
  readonly requests: readonly RequestEvent[];
  /** Addresses from which the method's own requests come. */
  readonly clients: ReadonlySet<string>;
  /** When the last server was seen elsewhere, epoch, seconds; null: not all were. */
  readonly lastArrivalAt: number | null;
  /** When the host was released; null: it was not seen, or there was nobody to release it. */
  readonly releasedAt: number | null;
  readonly samples: readonly Sample[];
  readonly failed: number;
  readonly before: ProcessLook | null;
  readonly after: ProcessLook | null;
}

export interface Measured {
  readonly trial: Trial;
  /** First request to last arrival. */
  readonly seconds: number | null;
  /** Requests to evacuate, and all requests of the method until the release, for each instance. */
  readonly posts: number;
  readonly requestsEach: number | null;
  readonly failed: number;
  readonly cpuS: number | null;
  readonly peakMiB: number | null;
  readonly firstRequestAt: number | null;
  readonly samples: readonly Sample[];
}

export function measure(seen: Seen): Measured {
  const { trial, servers, requests, clients, lastArrivalAt, before, after } = seen;
  const wanted = new Set(servers);
  const own = requests.filter((request) => clients.has(request.client));
  const posts = own.filter(
    ({ method, path }) =>
      method === 'POST' && path.endsWith('/action') && wanted.has(serverOfPath(path) ?? ''),
  );
  const first = posts.length === 0 ? null : Math.min(...posts.map((request) => request.at));
  const until = seen.releasedAt ?? lastArrivalAt ?? Number.POSITIVE_INFINITY;
  // A bare loop is followed through the database: its requests are those to evacuate, and nothing else.
  const counted = trial.method.kind === 'engine' ? own.filter((request) => request.at <= until) : null;
  return {
    trial,
    seconds: first === null || lastArrivalAt === null ? null : lastArrivalAt - first,
    posts: posts.length,
    requestsEach: counted === null ? null : counted.length / servers.length,
    failed: seen.failed,
    cpuS: before === null || after === null ? null : after.cpuS - before.cpuS,
    peakMiB: after?.peakMiB ?? null,
    firstRequestAt: first,
    samples: seen.samples,
  };
}

const OVER: ReadonlySet<string> = new Set(['done', 'completed', 'error', 'failed', 'cancelled']);

export interface Progress {
  readonly arrived: ReadonlySet<string>;
  /** Servers whose evacuation has ended, well or not. */
  readonly over: ReadonlySet<string>;
  /** Those that are not elsewhere though their last evacuation has ended. */
  readonly failed: ReadonlySet<string>;
  readonly inFlight: number;
}

/** How far a trial is, from a look at the database. */
export function progressOf(look: DatabaseLook, servers: readonly string[], victim: string): Progress {
  const last = new Map<string, string>();
  for (const migration of look.migrations) last.set(migration.server, migration.status);
  const rows = new Map(look.servers.map((server) => [server.id, server]));
  const arrived = new Set(
    servers.filter((id) => {
      const row = rows.get(id);
      return (
        row !== undefined &&
        row.host !== null &&
        row.host !== victim &&
        row.vmState === 'active' &&
        row.taskState === null
      );
    }),
  );
  const ended = servers.filter((id) => OVER.has(last.get(id) ?? ''));
  const failed = new Set(
    ended.filter((id) => !arrived.has(id) && ['error', 'failed'].includes(last.get(id) ?? '')),
  );
  const over = new Set([...arrived, ...failed]);
  const inFlight = servers.filter((id) => last.has(id) && !over.has(id)).length;
  return { arrived, over, failed, inFlight };
}

/** Clock ticks in a second (sysconf _SC_CLK_TCK): 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * What a controller prints of the evacuator: its status file, then `/proc/PID/stat`, then the line VmHWM. Null
 * when it is none of that.
 */
export function parseProcess(text: string): ProcessLook | null {
  const lines = text.split('\n').map((line) => line.trim());
  const status = lines.find((line) => line.startsWith('{'));
  const stat = lines.find((line) => /^\d+ \(/.test(line));
  const peak = lines.map((line) => /^VmHWM:\s+(\d+) kB$/.exec(line)?.[1]).find((each) => each !== undefined);
  if (stat === undefined || peak === undefined) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime, stime, and the same of the tools that it has called and waited for: proc(5), from the state on.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  if (Number.isNaN(ticks)) return null;
  return { cpuS: ticks / TICKS_PER_SECOND, peakMiB: Number(peak) / 1024, window: windowOf(status) };
}

function windowOf(status: string | undefined): number | null {
  try {
    const pace = (JSON.parse(status ?? '') as { readonly pace?: { readonly window?: unknown } | null }).pace;
    return typeof pace?.window === 'number' ? pace.window : null;
  } catch {
    return null;
  }
}
