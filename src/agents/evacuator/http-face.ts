import { setTimeout as pause } from 'node:timers/promises';
import { hostName, serverId } from '../../core/names.ts';
import { known, unknown } from '../../core/observation.ts';
import { failure, type Result } from '../../core/result.ts';
import { readAccess } from '../../http/access.ts';
import { createFace, type Face } from '../../http/face.ts';
import { readStaticFiles } from '../../http/files.ts';
import type { ViewerPort } from '../../http/looks.ts';
import { reportsIn } from '../../http/reports.ts';
import { listen, type RunningServer } from '../../http/server.ts';
import type { ListenSettings } from '../../http/settings.ts';
import { explain as explainCloud } from '../../openstack/errors.ts';
import type { Nova } from '../../openstack/nova.ts';
import { explain as explainTool } from '../../pacemaker/errors.ts';
import { readAllFencing } from '../../pacemaker/fencing.ts';
import type { EvacuatorIdentity } from '../../view/model.ts';
import type { Journal } from './journal.ts';

/** Pause between two tries to listen, ms: a predecessor on this machine may be about to let the port go. */
const LISTEN_PAUSE_MS = 5_000;

export interface HttpOptions {
  readonly settings: ListenSettings;
  readonly identity: EvacuatorIdentity;
  readonly clock: { now(): number; mono(): number };
  readonly nova: Pick<Nova, 'listServers'>;
  /** The page's files, and the incident reports. */
  readonly pageDirectory: string;
  readonly reportDirectory: string;
  /** Prometheus' text format. */
  readonly metrics: () => string;
  readonly journal: Journal;
}

export interface HttpFace {
  /** The journal, which tells the face too. */
  readonly journal: Journal;
  readonly close: () => Promise<void>;
}

/**
 * Opens the evacuator's HTTP face. It never holds the evacuator up: what can't be opened is said in the log and
 * tried again, and the work goes on.
 */
export function openHttpFace(options: HttpOptions): HttpFace {
  const { settings, journal } = options;
  if (settings.listen === 'off') return { journal, close: async () => {} };
  const face = createFace({
    identity: options.identity,
    clock: options.clock,
    viewer: viewerOf(options.nova),
    reports: reportsIn(options.reportDirectory),
    metrics: options.metrics,
  });
  const ended = new AbortController();
  const server = openWhenPossible(options, face, ended.signal);
  return {
    journal: tellBoth(journal, face),
    async close() {
      ended.abort();
      face.close();
      await (await server)?.close();
    },
  };
}

function tellBoth(journal: Journal, face: Face): Journal {
  return {
    ...journal,
    tick(report) {
      journal.tick(report);
      face.tick(report);
    },
    event(line) {
      journal.event(line);
      face.event(line);
    },
    alive() {
      journal.alive();
      face.alive();
    },
  };
}

async function openWhenPossible(
  options: HttpOptions,
  face: Face,
  signal: AbortSignal,
): Promise<RunningServer | null> {
  const { journal, settings } = options;
  let said = '';
  while (!signal.aborted) {
    // Whatever it is that can't be opened, the process that evacuates must not end by it.
    const server = await open(options, face).catch((error: unknown) =>
      failure(error instanceof Error ? error.message : 'unknown'),
    );
    if (server.ok) {
      journal.event({ level: 'info', msg: `the dashboard is served on ${settings.listen}` });
      return server.value;
    }
    if (server.error !== said)
      journal.event({ level: 'warn', msg: `the dashboard is not served, the work goes on: ${server.error}` });
    said = server.error;
    await pause(LISTEN_PAUSE_MS, null, { signal, ref: false }).catch(() => null);
  }
  return null;
}

async function open(
  { settings, pageDirectory }: HttpOptions,
  face: Face,
): Promise<Result<RunningServer, string>> {
  const access = await readAccess(settings);
  if (!access.ok) return access;
  return listen({ access: access.value, routes: face.routes, files: await readStaticFiles(pageDirectory) });
}

function viewerOf(nova: Pick<Nova, 'listServers'>): ViewerPort {
  return {
    async readInventory() {
      const answer = await nova.listServers();
      if (!answer.ok) return unknown(explainCloud(answer.error));
      return known(
        answer.value.servers
          .filter((server) => !server.deleted)
          .map(({ id, name, host }) => ({
            id: serverId(id),
            name,
            host: host === null ? null : hostName(host),
          })),
      );
    },
    async readFencing() {
      const answer = await readAllFencing();
      if (!answer.ok) return unknown(explainTool(answer.error));
      return known(
        answer.value.map(({ target, action, status, completedAt, delegate, client, exitReason }) => ({
          target,
          action,
          status,
          completedAt,
          by: delegate,
          client,
          reason: exitReason,
        })),
      );
    },
  };
}
