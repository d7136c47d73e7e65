import { failure, type Result, success } from '../openstack/result.ts';
import type {
  HttpAnswer as Answer,
  HttpRequest as Request,
  Transport,
  TransportFailure,
} from '../openstack/transport.ts';
import { after } from '../world/agenda.ts';
import { type HttpAnswer, healthOf, serve } from '../world/http.ts';
import { isReachable } from '../world/machines.ts';
import { machineOf, type World } from '../world/model.ts';
import { hear, type Process, type Turn } from './process.ts';

const CONNECT_LIMIT_MS = 5_000;
/**
 * How long a request may lie in the API at most before it takes effect, ms. The rules count on less than
 * `takeoverSettleMs` and the time that a successor needs to begin (docs/simulator.md, what is assumed).
 */
const MAX_QUEUE_MS = 28_000;

/** What gets lost on the wire just now. */
export interface Losses {
  readonly list: { what: 'evacuate' | 'change' | 'any'; side: 'request' | 'answer'; percent: number }[];
}

/** A request as it is sent. */
export interface Sent {
  /** See {@link callOf}. */
  readonly call: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

/** Told of every request of a process before it leaves, and of every answer before it is heard. */
export interface WireWatch {
  sending(process: Process, request: Sent): void;
  /** It has left: whatever becomes of its sender now, it goes on. */
  sent(process: Process, request: Sent): void;
  /** `status`: that of the answer; null: nobody knows what has become of it. */
  answered(process: Process, request: Sent, status: number | null): void;
}

/** HTTP over the world: latency, refusals, losses, and requests that live on when their sender has died. */
export function createWire(
  world: World,
  turn: Turn,
  process: Process,
  losses: Losses,
  watch: WireWatch,
): Transport {
  const by = `evacuator:${process.id}`;
  let liveAsked = 0;

  function send(request: Request): Promise<Result<Answer, TransportFailure>> {
    const url = new URL(request.url);
    const { method, timeoutMs } = request;
    const path = url.pathname;
    const body: unknown = request.body === undefined ? null : JSON.parse(request.body);
    const isLive = url.searchParams.get('migration_type') === 'live-migration';
    const call = isLive ? LIVE_MIGRATIONS : callOf(method, path);
    const sent: Sent = { call, path, query: url.searchParams, body };
    watch.sending(process, sent);
    return new Promise((resolve) => {
      const end = (ms: number, result: Result<Answer, TransportFailure>): void => {
        after(world.agenda, ms, () => {
          if (!process.alive) return;
          watch.answered(process, sent, result.ok ? result.value.status : null);
          hear(turn, process, () => resolve(result));
        });
      };
      // A request that has left goes on without its sender; one of a process that died before has not left.
      if (!process.alive) return;
      const health = healthOf(world, path);
      const machine = machineOf(world, process.machine);
      if (machine.isolated && !machine.keepsApi) {
        end(
          Math.min(CONNECT_LIMIT_MS, timeoutMs),
          failure({ kind: 'unreachable', reason: 'connect-timeout', detail: 'no route' }),
        );
        return;
      }
      if (!health.up || !hasController(world)) {
        end(3, failure({ kind: 'unreachable', reason: 'refused', detail: 'ECONNREFUSED' }));
        return;
      }
      // What came to be asked later has dice of its own, so that the seeds from before stay as they were.
      const draw = (): string | number => (isLive ? `${by} live ${liveAsked++}` : world.counter++);
      const fate = fateOf(world, losses, call, draw);
      if (fate === 'request') {
        end(timeoutMs, failure({ kind: 'timeout' }));
        return;
      }
      const key = draw();
      const usualMs = 20 + Math.round(world.dice('latency', key) * (method === 'GET' ? 80 : 200));
      // A proxy that restarts drops the connection while the request still waits in the API's queue.
      const isReset = fate === 'answer' && world.dice('reset', key) < 0.5;
      const queueMs = isReset ? Math.round(world.dice('queue', key) * MAX_QUEUE_MS) : 0;
      const takesMs = usualMs + Math.min(MAX_QUEUE_MS, health.slowMs + queueMs);
      // Whoever waits no longer is told nothing of what becomes of it.
      const isGivenUp = takesMs > timeoutMs;
      if (isReset) end(usualMs, failure({ kind: 'lost', detail: 'ECONNRESET' }));
      else if (isGivenUp) end(timeoutMs, failure({ kind: 'timeout' }));
      after(world.agenda, takesMs, () => {
        const pairs = [...url.searchParams];
        const query = new Map(pairs);
        const answer = serve(world, { method, path, query, pairs, headers: request.headers, body, by });
        if (isReset || isGivenUp) return;
        // The whole time of a request counts against the client's patience; what was asked for is done.
        const lateMs = answer.extraMs + 5;
        if (fate === 'answer' || takesMs + lateMs > timeoutMs)
          end(timeoutMs - takesMs, failure({ kind: 'timeout' }));
        else end(lateMs, success(textOf(answer)));
      });
      watch.sent(process, sent);
    });
  }

  return { send, close: async () => {} };
}

/** The list of live migrations, of which no fault and no checker means that of evacuations. */
const LIVE_MIGRATIONS = 'GET os-migrations, live';

/** A request by what it does: the name under which faults and checkers know it. */
export function callOf(method: string, path: string): string {
  if (path.startsWith('/identity')) return `${method} token`;
  if (path.startsWith('/placement')) return `${method} placement`;
  if (!path.startsWith('/compute')) return `${method} facts`;
  const [, what = '', , action] = path.replace(/^\/compute\/v2\.1/, '').split('/');
  return `${method} ${action ?? what}`;
}

function hasController(world: World): boolean {
  return world.spec.controllers.some((name) => isReachable(machineOf(world, name)));
}

function fateOf(
  world: World,
  losses: Losses,
  call: string,
  draw: () => string | number,
): 'request' | 'answer' | null {
  for (const loss of losses.list) {
    const isMeant =
      loss.what === 'any' ||
      (loss.what === 'evacuate' && call === 'POST action') ||
      (loss.what === 'change' && call === 'PUT os-services');
    if (isMeant && world.dice('loss', draw()) * 100 < loss.percent) return loss.side;
  }
  return null;
}

function textOf(answer: HttpAnswer): Answer {
  const { status, headers, body } = answer;
  const text = typeof body === 'string' ? body : body === null ? '' : JSON.stringify(body);
  return { status, headers, text };
}
