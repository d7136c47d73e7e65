/** The pollers: they turn what the rig writes and says into events, and keep the newest view of everything. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { type Database, lookAtDatabase } from './db.ts';
import type { AlertEvent, DrillEvent } from './events.ts';
import {
  type Attributes,
  type DatabaseLook,
  diffAttributes,
  diffCluster,
  diffLooks,
  type MigrationTrack,
  trackMigrations,
} from './observe.ts';
import {
  type ClusterStatus,
  parseAlerts,
  parseChassisLine,
  parseGuestLine,
  parseNodeLine,
  parseRequestLine,
  splitLines,
  withoutRepeats,
} from './parse.ts';
import { lookAtAttributes, lookAtCluster, openSession, type Rig } from './rig.ts';
import { sleep } from './run.ts';

const FILE_INTERVAL_MS = 150;
const DATABASE_INTERVAL_MS = 200;
const ATTRIBUTE_INTERVAL_MS = 500;
/** While the mark is about to be set: the time from the mark to the first request is measured in tenths. */
const ATTRIBUTE_FAST_INTERVAL_MS = 80;
const CLUSTER_INTERVAL_MS = 1_000;
const READ_CHUNK = 1 << 20;

export interface View {
  readonly look: DatabaseLook | null;
  readonly attributes: Attributes | null;
  readonly cluster: ClusterStatus | null;
  readonly migrations: ReadonlyMap<number, MigrationTrack>;
  /** The longest time between two looks into the databases: what began and ended within it was not seen. */
  readonly longestGapS: number;
}

export interface Watch {
  view(): View;
  events(): readonly DrillEvent[];
  /** What the drill itself did. */
  note(text: string): void;
  /** What somebody else has seen. */
  record(event: DrillEvent): void;
  /** Poll the attributes often, or no longer. */
  hurry(often: boolean): void;
  stop(): Promise<void>;
}

export interface WatchOptions {
  readonly rig: Rig;
  readonly db: Database;
  readonly sinceMigration: number;
  readonly onEvent: (event: DrillEvent) => void;
}

/** What was appended to a file since the last call; the first call begins at its present end. */
function tail(file: string): () => string {
  let offset = existsSync(file) ? statSync(file).size : 0;
  return () => {
    if (!existsSync(file)) return '';
    const size = statSync(file).size;
    if (size < offset) offset = 0;
    let text = '';
    const descriptor = openSync(file, 'r');
    try {
      while (offset < size) {
        const buffer = Buffer.alloc(Math.min(READ_CHUNK, size - offset));
        const count = readSync(descriptor, buffer, 0, buffer.length, offset);
        if (count === 0) break;
        offset += count;
        text += buffer.toString('utf8', 0, count);
      }
    } finally {
      closeSync(descriptor);
    }
    return text;
  };
}

function lineSource(file: string, parse: (line: string) => DrillEvent | null): () => DrillEvent[] {
  const read = tail(file);
  let rest = '';
  return () => {
    const chunk = read();
    if (chunk === '') return [];
    const split = splitLines(rest, chunk);
    rest = split.rest;
    return split.lines.map(parse).filter((event) => event !== null);
  };
}

/** Alerts are blocks: the last one is taken when nothing more has come for one round. */
function alertSource(file: string): () => DrillEvent[] {
  const read = tail(file);
  let buffer = '';
  let seen: readonly AlertEvent[] = [];
  return () => {
    const chunk = read();
    buffer += chunk;
    const end = chunk === '' ? buffer.length : Math.max(0, buffer.lastIndexOf('\n==='));
    const fresh = withoutRepeats(parseAlerts(buffer.slice(0, end)), seen);
    buffer = buffer.slice(end);
    seen = [...seen, ...fresh];
    return fresh;
  };
}

/** Starts all pollers. */
export function startWatch(options: WatchOptions): Watch {
  const { rig, db, sinceMigration, onEvent } = options;
  const events: DrillEvent[] = [];
  const stopping = new AbortController();
  let look: DatabaseLook | null = null;
  let attributes: Attributes | null = null;
  let cluster: ClusterStatus | null = null;
  let migrations: ReadonlyMap<number, MigrationTrack> = new Map();
  let longestGapS = 0;
  let often = false;

  const add = (fresh: readonly DrillEvent[]): void => {
    for (const event of fresh) {
      events.push(event);
      onEvent(event);
    }
  };

  const attributeSession = openSession(rig);
  const clusterSession = openSession(rig);
  const sources = [
    lineSource(rig.chassisLog, parseChassisLine),
    lineSource(rig.events, parseNodeLine),
    lineSource(rig.journal, parseGuestLine),
    lineSource(rig.apiLog, parseRequestLine),
    alertSource(rig.alertLog),
  ];

  const pollDatabase = async (): Promise<void> => {
    const next = await lookAtDatabase(db, sinceMigration);
    if (look !== null) longestGapS = Math.max(longestGapS, next.at - look.at);
    add(diffLooks(look, next, rig.downTimeS));
    migrations = trackMigrations(migrations, next);
    look = next;
  };
  const pollAttributes = async (): Promise<void> => {
    const next = await lookAtAttributes(attributeSession.ask);
    if (next === null) return;
    add(diffAttributes(attributes, next, Date.now() / 1000));
    attributes = next;
  };
  const pollCluster = async (): Promise<void> => {
    const next = await lookAtCluster(clusterSession.ask);
    if (next === null) return;
    add(diffCluster(cluster, next, Date.now() / 1000));
    cluster = next;
  };

  const loop = async (intervalMs: () => number, poll: () => Promise<void> | void): Promise<void> => {
    // The caller has its watch before the first event comes.
    await sleep(0);
    while (!stopping.signal.aborted) {
      try {
        await poll();
      } catch (error) {
        // A look that failed is no observation; the next one follows at once. The gap is counted.
        if (!stopping.signal.aborted && process.env.DRILL_DEBUG) console.error('poll:', error);
      }
      await sleep(intervalMs(), stopping.signal);
    }
  };
  const loops = [
    loop(
      () => FILE_INTERVAL_MS,
      () => {
        for (const source of sources) add(source());
      },
    ),
    loop(() => DATABASE_INTERVAL_MS, pollDatabase),
    loop(() => (often ? ATTRIBUTE_FAST_INTERVAL_MS : ATTRIBUTE_INTERVAL_MS), pollAttributes),
    loop(() => CLUSTER_INTERVAL_MS, pollCluster),
  ];

  return {
    view: () => ({ look, attributes, cluster, migrations, longestGapS }),
    events: () => events,
    record: (event) => add([event]),
    note: (text) => add([{ kind: 'fault', at: Date.now() / 1000, text }]),
    hurry: (value) => {
      often = value;
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
      attributeSession.close();
      clusterSession.close();
      // Twice: a block of the alert log that was still growing is taken by the second round.
      for (let round = 0; round < 2; round += 1) for (const source of sources) add(source());
    },
  };
}
