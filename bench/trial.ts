/** One measurement on the testbed: a real power loss of a compute with servers on it. */
import { open, stat } from 'node:fs/promises';
import { actOnServer, type Cloud, changeService, listServices } from '../testbed/drill/cloud.ts';
import { type Database, lastMigration, lookAtDatabase } from '../testbed/drill/db.ts';
import type { RequestEvent } from '../testbed/drill/events.ts';
import { NOVA_EVACUATE } from '../testbed/drill/facts.ts';
import { parseRequestLine } from '../testbed/drill/parse.ts';
import {
  type Asker,
  lookAtAttributes,
  lookAtCluster,
  power,
  type Rig,
  setKnob,
  setStopped,
} from '../testbed/drill/rig.ts';
import { DrillError, Interrupted, sleep, waitFor, waitOrThrow } from '../testbed/drill/run.ts';
import { flood, keepWindow } from './loops.ts';
import {
  type Measured,
  measure,
  type ProcessLook,
  parseProcess,
  progressOf,
  type Sample,
} from './measure.ts';
import { type Method, nameOf, type Trial } from './options.ts';
import type { Staging } from './staging.ts';

export const VICTIM = 'compute-1';
const LOOK_INTERVAL_MS = 100;
/** Pause between two looks at the evacuator's process: each costs the controller a few processes. */
const PROCESS_INTERVAL_MS = 400;
const FENCED_TIMEOUT_MS = 60_000;
const EVACUATOR_TIMEOUT_MS = 90_000;
const RELEASE_TIMEOUT_MS = 60_000;
/** A trial that takes longer has not been measured: a base, and for each server the time of the slowest loop. */
const BASE_LIMIT_MS = 120_000;
const LIMIT_PER_SERVER_MS = 3_000;
const INCIDENT_ATTRIBUTE = 'instance-ha-incident';

export interface Bench {
  readonly rig: Rig;
  readonly cloud: Cloud;
  readonly db: Database;
  readonly ask: Asker;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  readonly staging: Staging;
}

/** Sets the stage, lets the victim die, lets the method work, and measures. */
export async function runTrial(bench: Bench, trial: Trial): Promise<Measured> {
  const { rig, cloud, db, ask, signal, say } = bench;
  const isEngine = trial.method.kind === 'engine';
  say(
    `${trial.instances} servers, spawns of ${trial.delayS} s, ${nameOf(trial.method)}, round ${trial.round + 1}`,
  );
  const servers = await bench.staging.set(trial.instances);
  await setEvacuator(bench, isEngine);
  setKnob(rig, 'spawn_delay', trial.delayS === 0 ? null : String(trial.delayS));
  try {
    const before = isEngine ? await lookAtProcess(ask) : null;
    const logFrom = (await stat(rig.apiLog)).size;
    const sinceMigration = await lastMigration(db);
    say(`power loss of ${VICTIM}`);
    await power(rig, 'kill', VICTIM);
    const watched = await (isEngine
      ? follow(bench, trial, servers, sinceMigration, async () => {})
      : fencedAndForcedDown(bench).then(() =>
          follow(bench, trial, servers, sinceMigration, (port) =>
            runLoop(trial.method, servers, port, signal, cloud),
          ),
        ));
    const after = isEngine ? await lookAtProcess(ask) : null;
    const releasedAt = isEngine && watched.lastArrivalAt !== null ? await waitForRelease(bench) : null;
    const requests = await requestsSince(rig.apiLog, logFrom);
    return measure({
      trial,
      servers,
      requests,
      clients: clientsOf(rig, requests, isEngine),
      ...watched,
      releasedAt,
      before,
      after,
    });
  } finally {
    setKnob(rig, 'spawn_delay', null);
  }
}

interface Watched {
  readonly samples: readonly Sample[];
  readonly lastArrivalAt: number | null;
  readonly failed: number;
}

interface LookPort {
  isOver(server: string): boolean;
  looked(): Promise<void>;
}

/** Looks at the database until every server has arrived, or has failed with nobody to ask again, while `work` goes on. */
async function follow(
  bench: Bench,
  trial: Trial,
  servers: readonly string[],
  sinceMigration: number,
  work: (port: LookPort) => Promise<void>,
): Promise<Watched> {
  const { db, ask, signal } = bench;
  const isEngine = trial.method.kind === 'engine';
  const limit = Date.now() + BASE_LIMIT_MS + servers.length * (LIMIT_PER_SERVER_MS + trial.delayS * 1_000);
  const samples: Sample[] = [];
  let over: ReadonlySet<string> = new Set();
  let waiting: (() => void)[] = [];
  const port: LookPort = {
    isOver: (server) => over.has(server),
    looked: () => new Promise((resolve) => waiting.push(resolve)),
  };
  let newest: ProcessLook | null = null;
  const end = new AbortController();
  const watching = isEngine
    ? (async () => {
        while (!end.signal.aborted) {
          newest = (await lookAtProcess(ask)) ?? newest;
          await sleep(PROCESS_INTERVAL_MS, end.signal);
        }
      })()
    : Promise.resolve();
  let working = true;
  let broken: unknown = null;
  const worked = work(port)
    .catch((error: unknown) => {
      broken = error;
    })
    .finally(() => {
      working = false;
    });
  let lastArrivalAt: number | null = null;
  let failed = 0;
  try {
    while (lastArrivalAt === null && Date.now() < limit && broken === null) {
      if (signal.aborted) throw new Interrupted();
      const look = await lookAtDatabase(db, sinceMigration);
      const progress = progressOf(look, servers, VICTIM);
      over = progress.over;
      failed = progress.failed.size;
      samples.push({
        at: look.at,
        arrived: progress.arrived.size,
        inFlight: progress.inFlight,
        window: (newest as ProcessLook | null)?.window ?? null,
      });
      for (const wake of waiting.splice(0)) wake();
      if (progress.arrived.size === servers.length) lastArrivalAt = look.at;
      else if (!isEngine && !working && over.size === servers.length) break;
      else await sleep(LOOK_INTERVAL_MS, signal);
    }
  } finally {
    end.abort();
    for (const wake of waiting) wake();
    waiting = [];
  }
  await Promise.all([watching, Promise.race([worked, sleep(LOOK_INTERVAL_MS)])]);
  if (broken !== null) throw broken;
  return { samples, lastArrivalAt, failed };
}

function runLoop(
  method: Method,
  servers: readonly string[],
  port: LookPort,
  signal: AbortSignal,
  cloud: Cloud,
): Promise<void> {
  // What a bare loop does about a refused or lost request: nothing.
  const post = async (server: string): Promise<void> => {
    await actOnServer(cloud, server, { evacuate: {} }).catch(() => null);
  };
  switch (method.kind) {
    case 'engine':
      return Promise.resolve();
    case 'flood':
      return flood(servers, method.atOnce, { post });
    case 'window':
      return keepWindow(servers, method.unfinished, { ...port, post }, signal);
    default:
      return method satisfies never;
  }
}

/** Where a bare loop may begin: the node is fenced, and Nova takes it for down. */
async function fencedAndForcedDown({ cloud, ask, signal }: Bench): Promise<void> {
  await waitOrThrow(
    `${VICTIM} to be fenced`,
    async () => ((await lookAtAttributes(ask))?.get(VICTIM)?.has(INCIDENT_ATTRIBUTE) ? true : null),
    { timeoutMs: FENCED_TIMEOUT_MS, intervalMs: LOOK_INTERVAL_MS, signal },
  );
  const service = (await listServices(cloud)).find((each) => each.host === VICTIM);
  if (service === undefined) throw new DrillError(`Nova has no compute service on ${VICTIM}`);
  await changeService(cloud, service.id, { forced_down: true, status: 'disabled', disabled_reason: 'bench' });
}

/** When the host was let go, epoch, seconds; null: not within the time. */
async function waitForRelease({ ask, signal }: Bench): Promise<number | null> {
  return waitFor(
    async () => {
      const attributes = await lookAtAttributes(ask);
      if (attributes === null || attributes.get(VICTIM)?.has(INCIDENT_ATTRIBUTE)) return null;
      return Date.now() / 1000;
    },
    { timeoutMs: RELEASE_TIMEOUT_MS, intervalMs: LOOK_INTERVAL_MS, signal },
  );
}

/** Starts or stops nova-evacuate, and waits until it is so. */
async function setEvacuator({ rig, ask, signal }: Bench, wanted: boolean): Promise<void> {
  await setStopped(rig, [NOVA_EVACUATE], !wanted);
  await waitOrThrow(
    `nova-evacuate to be ${wanted ? 'started' : 'stopped'}`,
    async () => {
      const status = await lookAtCluster(ask);
      if (status === null) return null;
      return (status.started.get(NOVA_EVACUATE) ?? []).length > 0 === wanted ? true : null;
    },
    { timeoutMs: EVACUATOR_TIMEOUT_MS, intervalMs: 500, signal },
  );
}

const PROCESS_SCRIPT = `for f in /run/resource-agents/instance-ha-*/status.json; do
  [ -e "$f" ] || continue
  p=$(grep -o '"pid":[0-9]*' "$f" | head -n 1 | cut -d: -f2)
  [ -e "/proc/$p/stat" ] && cat "$f" "/proc/$p/stat" && grep VmHWM "/proc/$p/status"
done`;

async function lookAtProcess(ask: Asker): Promise<ProcessLook | null> {
  return parseProcess((await ask(PROCESS_SCRIPT)) ?? '');
}

/** The engine asks from a controller; a bare loop from where nobody else does: whoever is neither is nova's own. */
function clientsOf(rig: Rig, requests: readonly RequestEvent[], isEngine: boolean): ReadonlySet<string> {
  const controllers = new Set(rig.controllers);
  const isController = (client: string): boolean => controllers.has(rig.addresses.get(client) ?? '');
  return new Set(requests.map(({ client }) => client).filter((client) => isController(client) === isEngine));
}

async function requestsSince(file: string, from: number): Promise<readonly RequestEvent[]> {
  const log = await open(file, 'r');
  try {
    const { size } = await log.stat();
    const buffer = Buffer.alloc(Math.max(0, size - from));
    await log.read(buffer, 0, buffer.length, from);
    return buffer
      .toString('utf8')
      .split('\n')
      .map(parseRequestLine)
      .filter((request) => request !== null);
  } finally {
    await log.close();
  }
}
