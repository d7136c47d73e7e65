/** Makes the servers of a drill, describes them, and tidies up what a drill left. */
import { castOf, expectedStates, isLocked, type Member, type Role } from './cast.ts';
import {
  actOnServer,
  type Cloud,
  changeService,
  createFloating,
  createServer,
  deleteFloating,
  deleteServer,
  listFloating,
  listPorts,
  listServers,
  listServices,
  readSeed,
  type Seed,
} from './cloud.ts';
import type { OperatorSetting, Snapshot, Subject } from './facts.ts';
import { clusterTrouble, type Whole } from './observe.ts';
import {
  asker,
  DURABLE_ATTRIBUTES,
  isOn,
  lookAtAttributes,
  lookAtCluster,
  novaApi,
  onController,
  power,
  type Rig,
  setKnob,
} from './rig.ts';
import { DrillError, waitFor, waitOrThrow } from './run.ts';

/** Nova asks Placement n × n times for n servers that are made at once. */
const CREATE_BATCH = 5;
const CREATE_TIMEOUT_MS = 300_000;
const ACTION_TIMEOUT_MS = 90_000;
const DELETE_TIMEOUT_MS = 180_000;
const CLUSTER_TIMEOUT_MS = 150_000;
const SERVICES_TIMEOUT_MS = 90_000;
/** How long an evacuator may take to finish by itself what an earlier drill left. */
const FINISH_TIMEOUT_MS = 60_000;
const LOOK_INTERVAL_MS = 500;

export const OPERATOR_REASON = 'operator: broken fan';

export interface Stage {
  readonly subjects: readonly Subject[];
  readonly controls: readonly Subject[];
  readonly operator: OperatorSetting | null;
}

export interface StageOptions {
  readonly rig: Rig;
  readonly cloud: Cloud;
  readonly victim: string;
  readonly count: number;
  /** Whether an operator has disabled one of the other hosts. */
  readonly operator: boolean;
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

interface Made {
  readonly id: string;
  readonly name: string;
  readonly role: Role | null;
}

/** Makes servers where they are wanted, and waits until all are ACTIVE. */
export async function makeServers(
  options: Pick<StageOptions, 'cloud' | 'signal'>,
  seed: Seed,
  wanted: readonly { readonly name: string; readonly role: Role | null; readonly host: string }[],
): Promise<Made[]> {
  const { cloud, signal } = options;
  const made: Made[] = [];
  for (let begin = 0; begin < wanted.length; begin += CREATE_BATCH) {
    const batch = wanted.slice(begin, begin + CREATE_BATCH);
    made.push(
      ...(await Promise.all(
        batch.map(async ({ name, role, host }) => ({
          id: await createServer(cloud, seed, name, host),
          name,
          role,
        })),
      )),
    );
  }
  await waitOrThrow(
    `${made.length} servers to become ACTIVE`,
    async () => {
      const servers = await listServers(cloud);
      const bad = servers.find((server) => server.status === 'ERROR');
      if (bad)
        throw new DrillError(`server ${bad.name} could not be made: ${bad.fault ?? 'no reason given'}`);
      const active = new Set(
        servers.filter((server) => server.status === 'ACTIVE').map((server) => server.id),
      );
      return made.every((server) => active.has(server.id)) ? true : null;
    },
    { timeoutMs: CREATE_TIMEOUT_MS, intervalMs: LOOK_INTERVAL_MS, signal },
  );
  return made;
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

async function disableForOperator(options: StageOptions, host: string): Promise<OperatorSetting> {
  const service = (await listServices(options.cloud)).find((row) => row.host === host);
  if (!service) throw new DrillError(`Nova has no compute service on ${host}`);
  await changeService(options.cloud, service.id, { status: 'disabled', disabled_reason: OPERATOR_REASON });
  return { host, reason: OPERATOR_REASON };
}

/** The servers on the victim, one on each other host as a control, and an operator's setting. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const { rig, cloud, victim, say } = options;
  const seed = readSeed(rig.seedFile);
  const members = castOf(options.count);
  const others = rig.computes.filter((node) => node !== victim);
  say(
    `making ${members.length} servers on ${victim}, and one on each of ${others.join(' and ')} as a control`,
  );
  const made = await makeServers(options, seed, [
    ...members.map(({ name, role }) => ({ name, role, host: victim })),
    ...others.map((host) => ({ name: `drill-control-${host}`, role: null, host })),
  ]);
  await giveFloating(options, seed, members, made);
  await act(options, made);
  const disabled = options.operator ? others.at(-1) : undefined;
  const operator = disabled === undefined ? null : await disableForOperator(options, disabled);
  if (operator) say(`an operator has disabled ${operator.host}: “${operator.reason}”`);
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
  if (rig.agents !== 'none') await releaseEvacuator(rig);
}

/** Takes back what a drill may have told Pacemaker about nova-evacuate. */
export async function releaseEvacuator(rig: Rig): Promise<void> {
  await onController(rig, 'sh', '-c', 'crm_resource --resource nova-evacuate --clear');
  await onController(
    rig,
    'sh',
    '-c',
    'crm_resource --resource nova-evacuate --meta --delete-parameter target-role',
  );
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
    for (const name of DURABLE_ATTRIBUTES) {
      await onController(
        rig,
        'crm_attribute',
        '--node',
        node,
        '--name',
        name,
        '--lifetime',
        'forever',
        '--delete',
      );
    }
    await onController(rig, 'attrd_updater', '-n', 'evacuate', '-N', node, '-D');
  }
}

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
  const { rig, cloud, signal } = options;
  await healMachines(options);
  await deleteAll(options);
  // An operator's setting of a drill goes first: it is nobody else's business.
  for (const service of await listServices(cloud)) {
    if (service.reason === OPERATOR_REASON) await changeService(cloud, service.id, { status: 'enabled' });
  }
  await dropRecords(options);
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
