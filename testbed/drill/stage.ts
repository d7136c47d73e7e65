/** Makes the servers of a drill, describes them, and tidies up what a drill left. */
import { APART, expectedStates, type Group, isLocked, type Member, type Role } from './cast.ts';
import {
  actOnServer,
  type Cloud,
  changeService,
  createAggregate,
  createFloating,
  createGroup,
  createServer,
  deleteAggregate,
  deleteFloating,
  deleteGroup,
  deleteServer,
  getServer,
  listAggregates,
  listFloating,
  listGroups,
  listPorts,
  listServers,
  listServices,
  readSeed,
  type Seed,
} from './cloud.ts';
import { NOVA_EVACUATE, type OperatorSetting, type Snapshot, type Subject } from './facts.ts';
import { clusterTrouble, type Whole } from './observe.ts';
import {
  asker,
  DURABLE_ATTRIBUTES,
  HISTORY_ATTRIBUTE,
  isOn,
  lookAtAttributes,
  lookAtCluster,
  novaApi,
  onController,
  power,
  type Rig,
  setKnob,
  setPolicy,
  setStopped,
} from './rig.ts';
import { DrillError, waitFor, waitOrThrow } from './run.ts';

/** Nova asks Placement n × n times for n servers that are made at once. */
const CREATE_BATCH = 5;
/** Until all servers are made: this, and so much for each of them; on two cores 200 take more than 5 min. */
const CREATE_TIMEOUT_MS = 240_000;
const CREATE_EACH_MS = 3_000;
/** Servers of one drill that may be made again because Nova could not make them. */
const MAX_REMAKES = 4;
const FAULT_TIMEOUT_MS = 5_000;
const ACTION_TIMEOUT_MS = 90_000;
const DELETE_TIMEOUT_MS = 300_000;
const CLUSTER_TIMEOUT_MS = 150_000;
const SERVICES_TIMEOUT_MS = 90_000;
/** How long an evacuator may take to finish by itself what an earlier drill left. */
const FINISH_TIMEOUT_MS = 60_000;
const LOOK_INTERVAL_MS = 500;
/** Nova's list costs it more the longer it is, while it makes what is on it: so much longer between two, for each server. */
const LOOK_EACH_MS = 20;

export const OPERATOR_REASON = 'operator: broken fan';
export const RESERVE_REASON = 'reserved: spare for failures';

/**
 * Why the last of the hosts that do not fail is disabled: by an operator; as a reserve that the instances may use;
 * as a reserve of the failing host's aggregate, out of the zone that the instances have to stay in; until the story has it
 * enabled ({@link backInService}); or not at all.
 */
export type Disabled = 'operator' | 'reserve' | 'useless-reserve' | 'at-first' | 'none';

/** The zone that the instances have to stay in, and the aggregate by which the reserve is the failing host's. */
const ZONE = 'drill-zone';
const RACK = 'drill-rack';

export interface Stage {
  readonly subjects: readonly Subject[];
  readonly controls: readonly Subject[];
  readonly operator: OperatorSetting | null;
  readonly reserve: OperatorSetting | null;
}

export interface StageOptions {
  readonly rig: Rig;
  readonly cloud: Cloud;
  /** The hosts that fail; a member of the cast says on which of them it is. */
  readonly victims: readonly string[];
  readonly members: readonly Member[];
  readonly disabled: Disabled;
  /** Servers on each host that does not fail. */
  readonly controls: number;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

export const wholeOf = (rig: Rig): Whole => ({
  nodes: [...rig.controllers, ...rig.computes],
  computes: rig.computes,
  agents: rig.agents !== 'none',
});

/** Every server of the cloud, as Nova and Neutron describe it. */
export async function snapshots(cloud: Cloud): Promise<Map<string, Snapshot>> {
  const [servers, ports, floating] = await Promise.all([
    listServers(cloud),
    listPorts(cloud),
    listFloating(cloud),
  ]);
  const all = new Map<string, Snapshot>();
  for (const server of servers) {
    const own = ports.filter((port) => port.server === server.id);
    all.set(server.id, {
      host: server.host,
      vmState: server.vmState,
      taskState: server.taskState,
      locked: server.locked,
      flavor: server.flavor,
      fixed: own.flatMap((port) => port.addresses),
      floating: floating.filter((ip) => own.some((port) => port.id === ip.port)).map((ip) => ip.address),
      boundTo: own[0]?.boundTo ?? null,
    });
  }
  return all;
}

type MakeOptions = Pick<StageOptions, 'cloud' | 'signal' | 'say'>;

interface Made {
  readonly id: string;
  readonly name: string;
  readonly role: Role | null;
}

interface Wanted {
  readonly name: string;
  readonly role: Role | null;
  readonly host: string;
  readonly zone?: string | null;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly group?: string | null;
}

async function createOne({ cloud }: MakeOptions, seed: Seed, wanted: Wanted): Promise<Made> {
  return { id: await createServer(cloud, seed, wanted), name: wanted.name, role: wanted.role };
}

/** The server groups that the cast wants: name → id. */
async function createGroups({ cloud, members }: StageOptions): Promise<ReadonlyMap<string, string>> {
  const groups = new Map<string, Group>();
  for (const { group } of members) if (group !== null) groups.set(group.name, group);
  const ids = new Map<string, string>();
  for (const { name, policy, membersAHost } of groups.values())
    ids.set(name, await createGroup(cloud, name, policy, membersAHost));
  return ids;
}

/** Why a server is in ERROR. Nova writes the state first and the fault after it, so it is asked for until it is there. */
async function faultOf({ cloud, signal }: MakeOptions, id: string): Promise<string> {
  const fault = await waitFor(async () => (await getServer(cloud, id)).fault, {
    timeoutMs: FAULT_TIMEOUT_MS,
    intervalMs: LOOK_INTERVAL_MS,
    signal,
  });
  return fault ?? 'no reason given';
}

/**
 * Makes the servers and waits for them. That Nova can make one is not what a drill tests: one in ERROR is
 * said aloud, deleted and made again, some times at most.
 */
export async function makeServers(
  options: MakeOptions,
  seed: Seed,
  wanted: readonly Wanted[],
): Promise<Made[]> {
  const { cloud, signal, say } = options;
  const made = new Map<string, Made>();
  for (let begin = 0; begin < wanted.length; begin += CREATE_BATCH) {
    const batch = wanted.slice(begin, begin + CREATE_BATCH);
    for (const server of await Promise.all(batch.map((one) => createOne(options, seed, one))))
      made.set(server.name, server);
  }
  let remakes = 0;
  const remake = async (id: string, one: Wanted): Promise<void> => {
    const fault = await faultOf(options, id);
    if (remakes >= MAX_REMAKES) throw new DrillError(`server ${one.name} could not be made: ${fault}`);
    remakes++;
    say(`Nova could not make ${one.name} (${fault}): once more`);
    await deleteServer(cloud, id);
    made.set(one.name, await createOne(options, seed, one));
  };
  await waitOrThrow(
    `${made.size} servers to become ACTIVE`,
    async () => {
      const states = new Map((await listServers(cloud)).map((server) => [server.id, server.status]));
      for (const one of wanted) {
        const id = made.get(one.name)?.id ?? '';
        if (states.get(id) === 'ERROR') await remake(id, one);
      }
      return [...made.values()].every(({ id }) => states.get(id) === 'ACTIVE') ? true : null;
    },
    {
      timeoutMs: CREATE_TIMEOUT_MS + wanted.length * CREATE_EACH_MS,
      intervalMs: LOOK_INTERVAL_MS + wanted.length * LOOK_EACH_MS,
      signal,
    },
  );
  return wanted.flatMap(({ name }) => made.get(name) ?? []);
}

/** Stops, pauses, locks and spoils what the cast wants. */
async function act(options: StageOptions, made: readonly Made[]): Promise<void> {
  const { cloud, signal } = options;
  const states = new Map<string, string>();
  for (const server of made) {
    if (server.role === null) continue;
    const { before } = expectedStates(server.role);
    states.set(server.id, before);
    if (before === 'stopped') await actOnServer(cloud, server.id, { 'os-stop': null });
    if (before === 'paused') await actOnServer(cloud, server.id, { pause: null });
    if (before === 'error') await actOnServer(cloud, server.id, { 'os-resetState': { state: 'error' } });
    if (isLocked(server.role))
      await actOnServer(cloud, server.id, { lock: { locked_reason: 'by an administrator' } });
  }
  await waitOrThrow(
    'servers to be stopped, paused and locked',
    async () => {
      const servers = new Map((await listServers(cloud)).map((server) => [server.id, server]));
      const ready = [...states].every(([id, state]) => {
        const server = servers.get(id);
        return server?.vmState === state && server.taskState === null;
      });
      return ready ? true : null;
    },
    { timeoutMs: ACTION_TIMEOUT_MS, intervalMs: LOOK_INTERVAL_MS, signal },
  );
}

async function giveFloating(
  options: StageOptions,
  seed: Seed,
  members: readonly Member[],
  made: readonly Made[],
): Promise<void> {
  const ports = await listPorts(options.cloud);
  for (const member of members.filter(({ floating }) => floating)) {
    const id = made.find((server) => server.name === member.name)?.id;
    const port = ports.find((candidate) => candidate.server === id);
    if (port) await createFloating(options.cloud, seed, port.id);
  }
}

async function setService(
  cloud: Cloud,
  host: string,
  change: Parameters<typeof changeService>[2],
): Promise<void> {
  const service = (await listServices(cloud)).find((row) => row.host === host);
  if (!service) throw new DrillError(`Nova has no compute service on ${host}`);
  await changeService(cloud, service.id, change);
}

async function disable(options: StageOptions, host: string, reason: string): Promise<OperatorSetting> {
  await setService(options.cloud, host, { status: 'disabled', disabled_reason: reason });
  return { host, reason };
}

/** Enables a host that was disabled at first. */
export const backInService = (cloud: Cloud, host: string): Promise<void> =>
  setService(cloud, host, { status: 'enabled' });

/** The servers on the victim, one on each other host as a control, and an operator's setting. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const { rig, cloud, victims, members, say } = options;
  const seed = readSeed(rig.seedFile);
  const others = rig.computes.filter((node) => !victims.includes(node));
  say(
    `making ${members.length} servers on ${victims.join(' and ')}, and ${options.controls} on ${others.join(' and on ')} as a control`,
  );
  const groups = await createGroups(options);
  const last = others.at(-1);
  const zone = options.disabled === 'useless-reserve' ? ZONE : null;
  if (zone !== null && last !== undefined) {
    await createAggregate(cloud, ZONE, ZONE, [...victims, ...others.slice(0, -1)]);
    await createAggregate(cloud, RACK, null, [...victims, last]);
  }
  const made = await makeServers(options, seed, [
    ...members.map(({ name, role, on, metadata, group }) => {
      const host = victims[on];
      if (host === undefined) throw new DrillError(`${name} has no host: only ${victims.join(', ')} fail`);
      return {
        name,
        role,
        host,
        zone,
        metadata,
        group: group === null ? null : (groups.get(group.name) ?? null),
      };
    }),
    // A control in the group that has to be on hosts of its own leaves no room there.
    ...others.flatMap((host) =>
      Array.from({ length: options.controls }, (_, n) => ({
        name: n === 0 ? `drill-control-${host}` : `drill-control-${host}-${n + 1}`,
        role: null,
        host,
        group: n === 0 ? (groups.get(APART.name) ?? null) : null,
      })),
    ),
  ]);
  await giveFloating(options, seed, members, made);
  await act(options, made);
  const off = async (kinds: readonly Disabled[], reason: string): Promise<OperatorSetting | null> =>
    last !== undefined && kinds.includes(options.disabled) ? disable(options, last, reason) : null;
  const operator = await off(['operator'], OPERATOR_REASON);
  const reserve = await off(['reserve', 'useless-reserve'], RESERVE_REASON);
  const away = await off(['at-first'], OPERATOR_REASON);
  if (away) say(`${away.host} is out of service for now: disabled, “${away.reason}”`);
  if (operator) say(`an operator has disabled ${operator.host}: “${operator.reason}”`);
  if (reserve) say(`${reserve.host} is kept for failures: disabled, “${reserve.reason}”`);
  const all = await snapshots(cloud);
  const subjects = made.map(({ id, name, role }): Subject => {
    const before = all.get(id);
    if (!before) throw new DrillError(`server ${name} is gone before the drill`);
    return { id, name, role, before, after: null };
  });
  return {
    subjects: subjects.filter((subject) => subject.role !== null),
    controls: subjects.filter((subject) => subject.role === null),
    operator,
    reserve,
  };
}

async function deleteAll(options: TidyOptions): Promise<void> {
  const { cloud, signal } = options;
  await waitOrThrow(
    'servers to be deleted',
    async () => {
      const servers = await listServers(cloud);
      if (servers.length === 0) return true;
      // Again and again: Nova may refuse while a task is under way; what is being deleted is a 404 or a 409.
      await Promise.all(
        servers
          .filter((s) => s.taskState !== 'deleting')
          .map((s) => deleteServer(cloud, s.id).catch(() => null)),
      );
      return null;
    },
    { timeoutMs: DELETE_TIMEOUT_MS, intervalMs: 1_000, signal },
  );
  for (const ip of await listFloating(cloud)) await deleteFloating(cloud, ip.id);
  for (const group of await listGroups(cloud)) await deleteGroup(cloud, group);
  for (const aggregate of await listAggregates(cloud)) await deleteAggregate(cloud, aggregate);
}

export interface TidyOptions {
  readonly rig: Rig;
  readonly cloud: Cloud;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** Machines, nova-api, the cluster's own settings. */
async function healMachines(options: TidyOptions): Promise<void> {
  const { rig, say } = options;
  for (const node of [...rig.controllers, ...rig.computes]) {
    if (await isOn(rig, node)) continue;
    say(`${node} is off: powering it on`);
    await power(rig, 'on', node);
  }
  const api = await novaApi(rig, 'status');
  if (!/\bup\b/.test(api.stdout)) {
    say('nova-api does not run: starting it');
    await novaApi(rig, 'start');
  }
  for (const knob of ['spawn_delay', 'spawn_fail', 'spawn_fail_server'] as const) setKnob(rig, knob, null);
  if (rig.agents === 'none') return;
  await releaseEvacuator(rig);
  await setPolicy(rig, null);
  await setStopped(rig, COMPUTE_CLONES, false);
}

const COMPUTE_CLONES = ['nova-compute-checkevacuate-clone', 'nova-compute-clone'];

/** Takes back what a drill may have told Pacemaker about nova-evacuate. */
export async function releaseEvacuator(rig: Rig): Promise<void> {
  await onController(rig, 'sh', '-c', `crm_resource --resource ${NOVA_EVACUATE} --clear`);
  await setStopped(rig, [NOVA_EVACUATE], false);
}

const whatIsHeld = async (rig: Rig): Promise<string[]> => {
  const attributes = await lookAtAttributes(asker(rig));
  if (attributes === null) return [];
  return [...attributes]
    .filter(([, values]) => DURABLE_ATTRIBUTES.some((n) => values.has(n)))
    .map(([node]) => node);
};

/** Records of incidents that nobody has settled although nothing is left to be done. */
async function dropRecords(options: TidyOptions): Promise<void> {
  const { rig, signal, say } = options;
  const wait = { timeoutMs: FINISH_TIMEOUT_MS, intervalMs: 1_000, signal };
  if ((await whatIsHeld(rig)).length === 0) return;
  say('an incident of an earlier drill is not settled yet: giving the evacuator time to finish it');
  if ((await waitFor(async () => ((await whatIsHeld(rig)).length === 0 ? true : null), wait)) !== null)
    return;
  for (const node of await whatIsHeld(rig)) {
    say(`taking away the record of an incident of ${node} by hand`);
    await dropIncident(rig, node);
  }
}

async function dropIncident(rig: Rig, node: string): Promise<void> {
  for (const name of DURABLE_ATTRIBUTES) await dropAttribute(rig, node, name);
  await onController(rig, 'attrd_updater', '-n', 'evacuate', '-N', node, '-D');
}

/** All machines on, no incident, and neither nova-evacuate nor a compute chain runs: {@link healCluster} starts them again. */
export async function standStill(options: TidyOptions): Promise<void> {
  const { rig, signal } = options;
  await healMachines(options);
  // nova-compute-wait, too: its start would wait for an answer of nova-evacuate, and Pacemaker for its start.
  await setStopped(rig, [NOVA_EVACUATE, ...COMPUTE_CLONES], true);
  await waitOrThrow(
    'nova-evacuate and nova-compute to be stopped everywhere',
    async () => {
      const started = (await lookAtCluster(asker(rig)))?.started;
      if (started === undefined) return null;
      const running = [NOVA_EVACUATE, 'nova-compute-checkevacuate', 'nova-compute'].flatMap(
        (name) => started.get(name) ?? [],
      );
      return running.length === 0 ? true : null;
    },
    { timeoutMs: CLUSTER_TIMEOUT_MS, intervalMs: LOOK_INTERVAL_MS, signal },
  );
  for (const node of await whatIsHeld(rig)) await dropIncident(rig, node);
}

/** A host that fails in drill after drill is not a bad host. */
async function forgetHistory(rig: Rig): Promise<void> {
  const attributes = (await lookAtAttributes(asker(rig))) ?? new Map<string, ReadonlyMap<string, string>>();
  for (const [node, values] of attributes)
    if (values.has(HISTORY_ATTRIBUTE)) await dropAttribute(rig, node, HISTORY_ATTRIBUTE);
}

const dropAttribute = (rig: Rig, node: string, name: string): Promise<string | null> =>
  onController(rig, 'crm_attribute', '--node', node, '--name', name, '--lifetime', 'forever', '--delete');

async function healServices(options: TidyOptions): Promise<void> {
  const { rig, cloud, signal, say } = options;
  await waitOrThrow(
    'the compute services to be up, enabled and not forced down',
    async () => {
      const services = await listServices(cloud);
      for (const { id, host, forcedDown, status, reason } of services) {
        try {
          if (forcedDown) await changeService(cloud, id, { forced_down: false });
          if (status !== 'enabled') {
            say(`enabling ${host} (${reason ?? 'no reason'})`);
            await changeService(cloud, id, { status: 'enabled' });
          }
        } catch {
          // Refused while nova-compute has records to complete: the next round tries again.
        }
      }
      const good = services.filter((s) => s.state === 'up' && s.status === 'enabled' && !s.forcedDown);
      return good.length === rig.computes.length ? true : null;
    },
    { timeoutMs: SERVICES_TIMEOUT_MS, intervalMs: 1_000, signal },
  );
}

/** Back to a clean rig: no servers, all machines on, all resources started, all services up. Does nothing when it is clean. */
export async function tidyUp(options: TidyOptions): Promise<void> {
  await healMachines(options);
  await deleteAll(options);
  await settle(options);
}

/** The same, but for the servers: they stay as they are. */
export async function healCluster(options: TidyOptions): Promise<void> {
  await healMachines(options);
  await settle(options);
}

async function settle(options: TidyOptions): Promise<void> {
  const { rig, cloud, signal } = options;
  // An operator's setting of a drill goes first: it is nobody else's business.
  for (const service of await listServices(cloud)) {
    if (service.reason === OPERATOR_REASON) await changeService(cloud, service.id, { status: 'enabled' });
  }
  await dropRecords(options);
  await forgetHistory(rig);
  const whole = wholeOf(rig);
  let last: readonly string[] = [];
  const found = await waitFor(
    async () => {
      last = clusterTrouble(await lookAtCluster(asker(rig)), whole);
      return last.length === 0 ? true : null;
    },
    { timeoutMs: CLUSTER_TIMEOUT_MS, intervalMs: 1_000, signal },
  );
  if (found === null) {
    throw new DrillError(`the cluster is not whole after ${CLUSTER_TIMEOUT_MS / 1000} s: ${last.join('; ')}`);
  }
  await healServices(options);
  await onController(rig, 'sh', '-c', 'crm_resource --cleanup');
}
