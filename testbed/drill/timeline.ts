/** From events to the time line of a drill: when what happened, in seconds since the power loss. Pure. */
import {
  type DrillEvent,
  diedSince,
  isEvacuateRequest,
  isLive,
  type MigrationEvent,
  type RequestEvent,
  serverOfPath,
} from './events.ts';

export interface Mover {
  readonly id: string;
  readonly name: string;
  /** The host that it has to leave. */
  readonly from: string;
  /** vm_state in which it has to end. */
  readonly expected: string;
}

export interface Plan {
  /** The host whose story the time line is. */
  readonly victim: string;
  /** All hosts that fail in the drill. */
  readonly victims: readonly string[];
  /** Epoch, seconds: the power loss. */
  readonly t0: number;
  /** The servers that have to move. */
  readonly moving: readonly Mover[];
  readonly controllers: ReadonlySet<string>;
  /** The BMC said "off" from the beginning: nobody has to switch it off, and its log has no line about it. */
  readonly offFromStart: boolean;
}

/** In the order in which they are expected. */
export const MILESTONES = {
  detected: 'Pacemaker has noticed that the node is lost',
  poweredOff: 'power off confirmed by the BMC',
  incident: 'durable incident recorded by fence-nova',
  mark: 'mark evacuate=yes set by fence-nova',
  forcedDown: 'host forced down in Nova',
  firstRequest: 'first evacuate request',
  lastRequest: 'last evacuate request',
  allElsewhere: 'all instances run elsewhere',
  migrationsEnded: 'every evacuation has ended (last migration terminal)',
  booted: 'node booted',
  rejoined: 'node is back in the cluster',
  released: 'hold released (incident attribute gone)',
  exec: 'nova-compute started',
  heartbeat: 'first heartbeat of nova-compute',
  completed: 'migrations completed by nova-compute',
  unforced: 'forced_down cleared',
  enabled: 'host enabled',
  schedulable: 'host gets new instances (trait COMPUTE_STATUS_DISABLED gone)',
} as const;

export type Milestone = keyof typeof MILESTONES;

/** Milestone → seconds since the power loss; missing: not seen. */
export type Timeline = ReadonlyMap<Milestone, number>;

/**
 * When each moving server first stood on the other host on which it stayed, in the state that it has to have, with
 * nothing under way.
 */
export function arrivals(events: readonly DrillEvent[], plan: Plan): Map<string, number> {
  const movers = new Map(plan.moving.map((mover) => [mover.id, mover]));
  const seen = new Map<string, { readonly host: string; readonly seconds: number }>();
  for (const event of events) {
    if (event.kind !== 'server' || event.at < plan.t0 || event.host === null) continue;
    const mover = movers.get(event.server);
    const known = seen.get(event.server);
    if (mover === undefined || (known?.host ?? mover.from) === event.host) continue;
    if (event.vmState === mover.expected && event.taskState === null)
      seen.set(event.server, { host: event.host, seconds: event.at - plan.t0 });
  }
  return new Map([...seen].map(([server, { seconds }]) => [server, seconds]));
}

/** Requests to evacuate that Nova took or refused, since the power loss, in order. */
export function evacuateRequests(events: readonly DrillEvent[], plan: Plan): RequestEvent[] {
  return events
    .filter(
      (event): event is RequestEvent => isEvacuateRequest(event, plan.controllers) && event.at >= plan.t0,
    )
    .filter((event) => serverOfPath(event.path) !== null)
    .sort((a, b) => a.at - b.at);
}

/** Whether an event says that Pacemaker has lost the node. */
function saysLost(event: DrillEvent, victim: string): boolean {
  if (event.kind === 'cluster') {
    return event.subject === 'node' && event.name === victim && event.value !== 'online';
  }
  if (event.kind !== 'alert') return false;
  if (event.alert === 'node') return event.node === victim && event.text === 'lost';
  return (
    event.alert === 'resource' && event.resource === victim && event.task === 'monitor' && event.rc !== '0'
  );
}

function saysBack(event: DrillEvent, victim: string): boolean {
  if (event.kind === 'cluster') {
    return event.subject === 'node' && event.name === victim && event.value === 'online';
  }
  return event.kind === 'alert' && event.alert === 'node' && event.node === victim && event.text === 'member';
}

const DURABLE_INCIDENT = 'instance-ha-incident';

/** The single events of a time line, without those that need all of them. */
function single(event: DrillEvent, victim: string, add: (milestone: Milestone, at: number) => void): void {
  if (saysLost(event, victim)) add('detected', event.at);
  if (saysBack(event, victim)) add('rejoined', event.at);
  switch (event.kind) {
    case 'bmc':
      if (event.node === victim && event.action === 'off') add('poweredOff', event.at);
      break;
    case 'attribute':
      if (event.node !== victim) break;
      if (event.name === 'evacuate' && event.value === 'yes') add('mark', event.at);
      if (event.name === DURABLE_INCIDENT && event.value !== null) add('incident', event.at);
      if (event.name === DURABLE_INCIDENT && event.value === null) add('released', event.at);
      break;
    case 'node':
      if (event.node !== victim) break;
      if (event.what === 'BOOT') add('booted', event.at);
      if (event.what === 'EXEC') add('exec', event.at);
      break;
    case 'service':
      if (event.host !== victim) break;
      if (event.fact === 'beats' && event.value) add('heartbeat', event.at);
      if (event.fact === 'forcedDown') add(event.value ? 'forcedDown' : 'unforced', event.at);
      if (event.fact === 'enabled' && event.value) add('enabled', event.at);
      if (event.fact === 'schedulable' && event.value) add('schedulable', event.at);
      break;
    default:
      break;
  }
}

/** Milestones of which the last occurrence counts: the way back may have to be gone twice. */
const LAST_COUNTS: ReadonlySet<Milestone> = new Set(['released', 'unforced', 'enabled', 'schedulable']);

/** The time line of one host; requests for what was on the others that failed are theirs. */
export function timelineOf(events: readonly DrillEvent[], plan: Plan): Timeline {
  const { victim, t0 } = plan;
  const found = new Map<Milestone, number>();
  const add = (milestone: Milestone, at: number): void => {
    if (at < t0) return;
    const seconds = at - t0;
    const known = found.get(milestone);
    if (known === undefined) found.set(milestone, seconds);
    else if (LAST_COUNTS.has(milestone)) found.set(milestone, Math.max(known, seconds));
    else found.set(milestone, Math.min(known, seconds));
  };
  for (const event of events) {
    // Until the node is known to be lost, "online" is no return; alerts and looks come in any order, so by time.
    if (saysBack(event, victim) && !events.some((e) => saysLost(e, victim) && e.at < event.at && e.at >= t0))
      continue;
    single(event, victim, add);
  }
  if (plan.offFromStart) add('poweredOff', t0);
  const others = new Set(plan.moving.filter(({ from }) => from !== victim).map(({ id }) => id));
  const own = plan.moving.filter(({ id }) => !others.has(id));
  const requests = evacuateRequests(events, plan).filter(({ path }) => !others.has(serverOfPath(path) ?? ''));
  const first = requests[0];
  const last = requests.at(-1);
  if (first) add('firstRequest', first.at);
  if (last) add('lastRequest', last.at);
  const arrived = arrivals(events, { ...plan, moving: own });
  if (own.length > 0 && arrived.size === own.length) {
    found.set('allElsewhere', Math.max(...arrived.values()));
  }
  const ended = migrationEnds(events, plan);
  if (ended.terminal !== null) found.set('migrationsEnded', ended.terminal - t0);
  if (ended.completed !== null) found.set('completed', ended.completed - t0);
  return found;
}

/** When the last evacuation from the victim ended, and when the last record that was `done` was `completed`. */
function migrationEnds(
  events: readonly DrillEvent[],
  plan: Plan,
): { readonly terminal: number | null; readonly completed: number | null } {
  const open = new Map<number, MigrationEvent>();
  const begun = new Map<number, number>();
  let terminal: number | null = null;
  let completed: number | null = null;
  for (const event of events) {
    if (event.kind !== 'migration' || event.source !== plan.victim || event.at < plan.t0) continue;
    begun.set(event.id, begun.get(event.id) ?? event.at);
    if (isLive(event.status) || event.status === 'done') open.set(event.id, event);
    else open.delete(event.id);
    if (['done', 'error', 'failed', 'cancelled'].includes(event.status)) terminal = event.at;
    if (event.status === 'completed') {
      completed = event.at;
      if (event.was !== 'done') terminal = event.at;
    }
  }
  const isLost = ({ id, status, dest }: MigrationEvent): boolean =>
    isLive(status) && diedSince(events, dest, begun.get(id) ?? plan.t0);
  if (![...open.values()].every(isLost)) completed = null;
  return { terminal, completed };
}
