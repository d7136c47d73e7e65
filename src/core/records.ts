import { type HostName, hostName } from './names.ts';

/**
 * What the project keeps in the cluster: node attributes and the records inside them.
 *
 * The durable ones are permanent node attributes (`crm_attribute --lifetime forever`): they survive the
 * erasure of a remote node's transient attributes at loss and at rejoin (`attrd_peer_remove`,
 * Pacemaker `daemons/attrd/attrd_corosync.c`) and the restart of all controllers.
 */

/** The mark that everyone knows (stock fence_compute and NovaEvacuate): `yes` while a host is to be evacuated, then `no`. Private, transient. */
export const EVACUATE_ATTRIBUTE = 'evacuate';
/** The durable incident, written by fence_compute. While it is defined a location rule keeps the compute chain off the node. */
export const INCIDENT_ATTRIBUTE = 'instance-ha-incident';
/** The evacuator's own durable record of an incident, from the first look at Nova until the host is enabled again. */
export const EVACUATION_ATTRIBUTE = 'instance-ha-evacuation';
/** Set by nova-compute-wait: "this boot asks to be let go". Private, transient. */
export const HOLD_ATTRIBUTE = 'instance-ha-hold';
/** The evacuator's answer: `released TOKEN`, or `held TOKEN REASON`. Private, transient. */
export const RELEASE_ATTRIBUTE = 'instance-ha-release';

/** The incidents that a node had before, by the evacuator: permanent node attribute. From it quarantine knows a host that keeps failing. */
export const HISTORY_ATTRIBUTE = 'instance-ha-history';
/** An operator's answer to "its local disks would be lost": `evacuate INCIDENT` or `skip INCIDENT`; permanent node attribute. */
export const LOCAL_DISK_ATTRIBUTE = 'instance-ha-local-disk';
/** A pause, as a cluster property (`crm_attribute --type crm_config`): no new incident begins while it lasts. */
export const PAUSE_PROPERTY = 'instance-ha-pause';
/** A pause of one node alone: permanent node attribute, the same record. */
export const PAUSE_ATTRIBUTE = 'instance-ha-pause';

/** The durable incident. `at` is the epoch in ms on the clock of the controller that wrote it. */
export interface IncidentRecord {
  readonly id: string;
  readonly at: number;
  /** `fencer`: called by Pacemaker's fencer as a device of a level. `operator`: called by hand. `mark`: adopted from a bare `evacuate=yes`. */
  readonly by: 'fencer' | 'operator' | 'mark';
  /** The controller that wrote it. */
  readonly on: string;
}

/** How the compute service stood before we touched it: what we did not do we do not undo. */
export interface ServiceBefore {
  readonly status: 'enabled' | 'disabled';
  readonly forcedDown: boolean;
}

/** When an incident of a node began, epoch ms on the clock of the controller that ran its fencing. */
export interface Outage {
  readonly id: string;
  readonly at: number;
}

export interface PastIncident extends Outage {
  /** Nova's clock when its power was proven off, epoch ms: Nova's times are compared with no other. null: Nova could not be asked. */
  readonly novaAt: number | null;
}

/** The last incidents of a node, oldest first. */
export interface HistoryRecord {
  readonly incidents: readonly PastIncident[];
}

export interface PauseRecord {
  /** When it ends by itself, epoch ms on the controllers' clock. */
  readonly until: number;
  readonly by: string;
  readonly why: string;
}

export interface EvacuationRecord {
  /** The incident it belongs to; a new incident of the same node takes the record over. */
  readonly incident: string;
  readonly phase: 'evacuating' | 'returning';
  /** When the power was confirmed off, epoch ms: the proof, kept because the fencing history lives in memory only. */
  readonly fencedAt: number;
  /** Nova's clock at the first look, epoch ms: evacuations since then are ours to follow. */
  readonly since: number;
  /** Nova's clock when the gates let it begin, epoch ms: long after the first look, if they have held it. */
  readonly begunAt: number;
  /** What the node's history has of it: the first incident, if it was fenced anew meanwhile. null: nobody knows when it died, for the record was written anew, or by a version before this one. */
  readonly outage: Outage | null;
  readonly before: ServiceBefore;
  /** Who works on it: NODE:START, so that a successor knows that it took over. */
  readonly owner: string;
  /** The owner ended cleanly: no request of it can still be under way. */
  readonly clean: boolean;
  /** Nova's clock at the release, epoch ms; null while evacuating. */
  readonly releasedAt: number | null;
  /** It was let go because somebody had taken its incident away: one that stands again with that was brought back. */
  readonly letGoByHand: boolean;
  /** Instances that were stopped when the host died, first 8 hex digits of the UUID: a failed attempt makes Nova forget it. */
  readonly stopped: readonly string[];
  /** Those stopped before they came into ERROR: by Nova's list of what was done with them, or by another host's record. */
  readonly stoppedInError: readonly string[];
  /** Evacuations whose destination died under them: Nova shows them as live for ever. */
  readonly lost: readonly LostEvacuation[];
  /** Reserved hosts that were taken for it, and are to be given back if nothing comes to them. */
  readonly reserves: readonly ReserveClaim[];
}

export interface LostEvacuation {
  /** Of its record in Nova. */
  readonly id: number;
  /** Whether its destination had claimed it; one that it had not, Nova may yet take for another request. */
  readonly claimed: boolean;
}

export interface ReserveClaim {
  readonly host: HostName;
  /** The `disabled_reason` that it had. */
  readonly reason: string;
  /** The aggregate into which it was put for it; null: none. */
  readonly aggregate: number | null;
}

/** What stands in a value: no character that XML, a shell or attrd would change. */
const VALUE = /^[A-Za-z0-9_.:+%-]*$/;

/** Text of a record: `k=v` pairs with commas. */
function format(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([key, value]) => {
      if (!VALUE.test(value)) throw new Error(`record value of ${key} holds a forbidden character`);
      return `${key}=${value}`;
    })
    .join(',');
}

/** What could not be written again, as somebody's hand may have left it, is not read: it would go from one record into the next. */
function parse(text: string): Map<string, string> | null {
  const pairs = new Map<string, string>();
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const value = part.slice(at + 1);
    if (at < 1 || !VALUE.test(value)) return null;
    pairs.set(part.slice(0, at), value);
  }
  return pairs.get('v') === '1' ? pairs : null;
}

const epoch = (text: string | undefined): number | null => {
  if (text === undefined || text === '') return null;
  const value = Date.parse(text);
  return Number.isNaN(value) ? null : value;
};
const iso = (ms: number): string => new Date(ms).toISOString();

/** Free words in a record's value: what it may not hold is written as %XX. */
function toWord(text: string): string {
  // Half a surrogate pair is no character, and encodeURIComponent throws at one.
  const whole = text.replace(/\p{Cs}/gu, '\uFFFD');
  const toHex = (c: string): string => `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(whole).replace(/[!'()*~]/g, toHex);
}

function fromWord(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** The value of {@link INCIDENT_ATTRIBUTE}. */
export function formatIncident(record: IncidentRecord): string {
  return format({ v: '1', id: record.id, at: iso(record.at), by: record.by, on: record.on });
}

/** The incident in an attribute's value, or null when it is none of ours: to be treated as a hold that a person has to look at. */
export function parseIncident(text: string): IncidentRecord | null {
  const pairs = parse(text);
  const at = epoch(pairs?.get('at'));
  const id = pairs?.get('id');
  const by = pairs?.get('by');
  if (!pairs || at === null || !id) return null;
  if (by !== 'fencer' && by !== 'operator' && by !== 'mark') return null;
  return { id, at, by, on: pairs.get('on') ?? '' };
}

/** Stands behind the id of a lost evacuation that had been claimed. */
const CLAIMED = 'c';

function parseLost(text: string): readonly LostEvacuation[] {
  const claimed = text.endsWith(CLAIMED);
  const id = Number(claimed ? text.slice(0, -CLAIMED.length) : text);
  return Number.isSafeInteger(id) ? [{ id, claimed }] : [];
}

/** The value of {@link EVACUATION_ATTRIBUTE}. */
export function formatEvacuation(record: EvacuationRecord): string {
  return format({
    v: '1',
    incident: record.incident,
    phase: record.phase,
    fenced: iso(record.fencedAt),
    since: iso(record.since),
    status: record.before.status,
    forced: record.before.forcedDown ? 'yes' : 'no',
    owner: record.owner,
    clean: record.clean ? 'yes' : 'no',
    released: record.releasedAt === null ? '' : iso(record.releasedAt),
    stopped: record.stopped.join('+'),
    lost: record.lost.map(({ id, claimed }) => `${id}${claimed ? CLAIMED : ''}`).join('+'),
    reserves: record.reserves
      .map(({ host, aggregate, reason }) => [toWord(host), aggregate ?? '', toWord(reason)].join(':'))
      .join('+'),
    begun: iso(record.begunAt),
    ...(record.outage === null ? {} : { outage: formatOutage(record.outage) }),
    ...(record.letGoByHand ? { byhand: 'yes' } : {}),
    ...(record.stoppedInError.length === 0 ? {} : { errored: record.stoppedInError.join('+') }),
  });
}

/** The evacuator's record in an attribute's value, or null when it can't be read. */
export function parseEvacuation(text: string): EvacuationRecord | null {
  const pairs = parse(text);
  if (!pairs) return null;
  const incident = pairs.get('incident');
  const phase = pairs.get('phase');
  const fencedAt = epoch(pairs.get('fenced'));
  const since = epoch(pairs.get('since'));
  const status = pairs.get('status');
  if (!incident || fencedAt === null || since === null) return null;
  if (phase !== 'evacuating' && phase !== 'returning') return null;
  if (status !== 'enabled' && status !== 'disabled') return null;
  const reserves = parseReserves(pairs.get('reserves') ?? '');
  if (reserves === null) return null;
  const list = (text: string | undefined): readonly string[] => (text ? text.split('+') : []);
  return {
    incident,
    phase,
    fencedAt,
    since,
    // Records of versions before this one do not say.
    begunAt: epoch(pairs.get('begun')) ?? since,
    outage: parseOutage(pairs.get('outage') ?? ''),
    before: { status, forcedDown: pairs.get('forced') === 'yes' },
    owner: pairs.get('owner') ?? '',
    clean: pairs.get('clean') === 'yes',
    releasedAt: epoch(pairs.get('released')),
    letGoByHand: pairs.get('byhand') === 'yes',
    stopped: list(pairs.get('stopped')),
    stoppedInError: list(pairs.get('errored')),
    lost: list(pairs.get('lost')).flatMap(parseLost),
    reserves,
  };
}

function parseReserves(text: string): readonly ReserveClaim[] | null {
  const reserves: ReserveClaim[] = [];
  for (const part of text === '' ? [] : text.split('+')) {
    const [, name, aggregate, words] = /^([^:]+):(\d*):([^:]*)$/.exec(part) ?? [];
    const host = fromWord(name ?? '');
    const reason = fromWord(words ?? '');
    if (!host || reason === null) return null;
    reserves.push({ host: hostName(host), reason, aggregate: aggregate ? Number(aggregate) : null });
  }
  return reserves;
}

/** The incidents kept in a node's history, at most: the attribute stays short. */
export const MAX_HISTORY = 20;

/** The value of {@link HISTORY_ATTRIBUTE}. */
export function formatHistory(record: HistoryRecord): string {
  const incidents = record.incidents.slice(-MAX_HISTORY);
  return format({
    v: '1',
    incidents: incidents.map(formatOutage).join('+'),
    nova: incidents.map(({ novaAt }) => novaAt ?? '').join('+'),
  });
}

function formatOutage({ id, at }: Outage): string {
  return `${at}:${id}`;
}

function parseOutage(text: string): Outage | null {
  const [, at, id] = /^(\d{1,15}):(.+)$/.exec(text) ?? [];
  return at === undefined || id === undefined ? null : { id, at: Number(at) };
}

function parseTime(text = ''): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** The history in an attribute's value, or null when it can't be read. */
export function parseHistory(text: string): HistoryRecord | null {
  const pairs = parse(text);
  const list = pairs?.get('incidents');
  if (list === undefined) return null;
  const outages: Outage[] = [];
  for (const part of list === '' ? [] : list.split('+')) {
    const outage = parseOutage(part);
    if (outage === null) return null;
    outages.push(outage);
  }
  const times = pairs?.get('nova')?.split('+') ?? [];
  // A version before these times writes incidents without them.
  const novaAts = outages.map((_, i) => (times.length === outages.length ? parseTime(times[i]) : null));
  return { incidents: outages.map((outage, i) => ({ ...outage, novaAt: novaAts[i] ?? null })) };
}

/** The value of {@link PAUSE_PROPERTY} and {@link PAUSE_ATTRIBUTE}. */
export function formatPause(record: PauseRecord): string {
  return format({ v: '1', until: iso(record.until), by: toWord(record.by), why: toWord(record.why) });
}

/** The pause in such a value, or null when it can't be read: then nothing new begins until a person has looked at it. */
export function parsePause(text: string): PauseRecord | null {
  const pairs = parse(text);
  const until = epoch(pairs?.get('until'));
  const by = fromWord(pairs?.get('by') ?? '');
  const why = fromWord(pairs?.get('why') ?? '');
  return until === null || by === null || why === null ? null : { until, by, why };
}

/** What a `disabled_reason` of ours begins with: only a service that carries it is enabled by us. */
const MARKER = 'instance-ha: evacuation';

/** The marker that we put into `disabled_reason` of the compute service of a host under evacuation. */
export function disabledReason(incidentId: string): string {
  return `${MARKER} (incident ${incidentId})`;
}

/** The incident that a `disabled_reason` of ours names; null: it is not ours, or names none. */
export function markedIncident(reason: string | null): string | null {
  return isOurMarker(reason) ? (/\(incident ([\w-]+)\)$/.exec(reason ?? '')?.[1] ?? null) : null;
}

/** Whether a `disabled_reason` is ours. An operator who takes the host over writes a reason of their own, and we keep off. */
export function isOurMarker(reason: string | null): boolean {
  return reason?.startsWith(MARKER) ?? false;
}

/**
 * Whether it is nova-compute that has disabled its own service, having lost its libvirt. It enables that again when it has it back, and
 * does so to none that an operator had disabled (nova/virt/libvirt/driver.py _set_host_enabled): of the operator's the host is enabled.
 */
export function isAutomatic(reason: string | null): boolean {
  return reason?.startsWith('AUTO: ') ?? false;
}

/** The evacuator's answer to a boot that asks. The reason is for the operator, on one line. */
export type HoldAnswer = { readonly released: true } | { readonly released: false; readonly reason: string };

/** The value of {@link RELEASE_ATTRIBUTE}. */
export function formatHoldAnswer(token: string, answer: HoldAnswer): string {
  return answer.released ? `released ${token}` : `held ${token} ${answer.reason}`;
}

/** The answer that belongs to this boot's token, or null: an answer to another boot is no answer. */
export function parseHoldAnswer(text: string, token: string): HoldAnswer | null {
  if (text === `released ${token}`) return { released: true };
  const prefix = `held ${token} `;
  return text.startsWith(prefix) ? { released: false, reason: text.slice(prefix.length) } : null;
}

/** Whether the boot of a node that asked last was let go. */
export function isBootLetGo({
  holdToken,
  holdAnswer,
}: {
  readonly holdToken: string | null;
  readonly holdAnswer: string | null;
}): boolean {
  return holdToken !== null && holdAnswer === formatHoldAnswer(holdToken, { released: true });
}

/** What a hold token may look like; anything else is not a request of nova-compute-wait. */
export function isHoldToken(text: string): boolean {
  return /^[A-Za-z0-9-]{8,80}$/.test(text);
}
