/**
 * Where a measurement begins: so many servers on the victim. They are made once and then put back, because Nova takes longer
 * to make and delete 200 servers than to evacuate them: the databases and the guests are kept as they were when all had been
 * made, so that every measurement of a run begins with the very same servers.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cloud, listServers, readSeed } from '../testbed/drill/cloud.ts';
import type { Rig } from '../testbed/drill/rig.ts';
import { runOrThrow, waitOrThrow } from '../testbed/drill/run.ts';
import { healCluster, makeServers, standStill, tidyUp } from '../testbed/drill/stage.ts';

const DATABASES = ['nova', 'nova_api', 'placement', 'neutron'];
/** They keep in memory what was in the databases: the scheduler its hosts and their instances. */
const RESTARTED = ['nova-conductor', 'nova-scheduler'];
const DATABASE_TIMEOUT_MS = 120_000;
const SERVICE_TIMEOUT_MS = 90_000;
const ACTIVE_TIMEOUT_MS = 30_000;
const LOOK_INTERVAL_MS = 500;

export interface StagingOptions {
  readonly rig: Rig;
  readonly cloud: Cloud;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** The host that the servers are on. */
  readonly host: string;
}

export interface Staging {
  /**
   * A whole cluster, and so many ACTIVE servers on the host, which are the cloud's only ones.
   * @returns their ids; the same as before when the number is the same.
   * @throws DrillError what could not be had within its time.
   */
  set(instances: number): Promise<readonly string[]>;
  /** Takes away what was kept; the servers stay. */
  close(): void;
}

interface Kept {
  readonly dir: string;
  readonly servers: readonly string[];
}

export function openStaging(options: StagingOptions): Staging {
  const { rig, cloud, say, host } = options;
  let kept: Kept | null = null;
  const forget = (): void => {
    if (kept !== null) rmSync(kept.dir, { recursive: true, force: true });
    kept = null;
  };
  const again = async (earlier: Kept): Promise<void> => {
    say(`putting the ${earlier.servers.length} servers back to ${host}`);
    await putBack(options, earlier);
  };
  const anew = async (instances: number): Promise<Kept> => {
    say('tidying up');
    await tidyUp(options);
    say(`making ${instances} servers on ${host}`);
    const wanted = Array.from({ length: instances }, (_, n) => ({ name: `bench-${n}`, role: null, host }));
    const servers = (await makeServers(options, readSeed(rig.seedFile), wanted)).map(({ id }) => id);
    await allActive(cloud, options, servers);
    kept = { dir: mkdtempSync(join(tmpdir(), 'instance-ha-bench-')), servers };
    await keep(rig, kept.dir);
    // The first measurement, too, begins with a nova-compute and a scheduler that have just been started.
    await putBack(options, kept);
    return kept;
  };
  return {
    async set(instances) {
      try {
        if (kept?.servers.length === instances) {
          await again(kept);
          return kept.servers;
        }
        forget();
        return (await anew(instances)).servers;
      } catch (error) {
        // What is half kept, or half back, is made anew the next time.
        forget();
        throw error;
      }
    },
    close: forget,
  };
}

const dumpOf = (dir: string): string => join(dir, 'databases.sql');
const guestsOf = (dir: string): string => join(dir, 'guests');
const mariadb = (rig: Rig, program: string, rest: string): string[] => [
  'sh',
  '-c',
  `exec ${program} --no-defaults --socket="$1" --user=root ${rest}`,
  'sh',
  rig.mysqlSocket,
];

async function keep(rig: Rig, dir: string): Promise<void> {
  const dump = mariadb(rig, 'mariadb-dump', `--single-transaction --databases ${DATABASES.join(' ')} > "$2"`);
  await runOrThrow([...dump, dumpOf(dir)], { timeoutMs: DATABASE_TIMEOUT_MS });
  for (const node of rig.computes)
    cpSync(join(rig.guestsDir, node), join(guestsOf(dir), node), { recursive: true });
}

/** While neither nova-evacuate nor a nova-compute runs, the databases and the guests become what they were. */
async function putBack(options: StagingOptions, { dir, servers }: Kept): Promise<void> {
  const { rig, cloud } = options;
  // What they were doing is not waited for: nova-compute has 200 records to complete before its host may be enabled.
  await standStill(options);
  await runOrThrow([...mariadb(rig, 'mariadb', '< "$2"'), dumpOf(dir)], { timeoutMs: DATABASE_TIMEOUT_MS });
  for (const node of rig.computes) {
    const guests = join(rig.guestsDir, node);
    for (const file of readdirSync(guests)) rmSync(join(guests, file));
    cpSync(join(guestsOf(dir), node), guests, { recursive: true });
  }
  await runOrThrow([join(rig.dir, 'cloud/service'), 'restart', ...RESTARTED], {
    timeoutMs: SERVICE_TIMEOUT_MS,
  });
  await healCluster(options);
  await allActive(cloud, options, servers);
}

/** That they are where they should be is seen, not presumed. */
async function allActive(cloud: Cloud, options: StagingOptions, servers: readonly string[]): Promise<void> {
  await waitOrThrow(
    `${servers.length} servers to be ACTIVE on ${options.host}`,
    async () => {
      const all = new Map((await listServers(cloud)).map((server) => [server.id, server]));
      const there = servers.every((id) => {
        const server = all.get(id);
        return server?.host === options.host && server.status === 'ACTIVE' && server.taskState === null;
      });
      return there && all.size === servers.length ? true : null;
    },
    { timeoutMs: ACTIVE_TIMEOUT_MS, intervalMs: LOOK_INTERVAL_MS, signal: options.signal },
  );
}
