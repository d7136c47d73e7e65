import { isOurMarker } from '../../core/records.ts';
import { explain as explainCloud } from '../../openstack/errors.ts';
import { isLiveMigrating, liveMigrate } from '../../openstack/live-migration.ts';
import { createNova, type Nova } from '../../openstack/nova.ts';
import type { ComputeService, Server } from '../../openstack/nova-schemas.ts';
import type { Session } from '../../openstack/session.ts';
import { explain } from '../../pacemaker/errors.ts';
import { exitError, TOOL_TIMEOUT_MS } from '../../pacemaker/tool.ts';
import { refusal } from '../asking.ts';
import { operator } from '../audit.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';
import { type Asked, drainStep, type Elsewhere, isMovable, leftOpen } from '../drain.ts';
import { novaHostOf, openCloud, readSituation } from '../situation.ts';
import { spanMs, takesTime } from '../times.ts';
import { counted } from '../words.ts';

/** What the disabled_reason of a host in maintenance begins with; only that is taken back at the end. */
const MARKER = 'instance-ha: maintenance';
const MAX_REASON_CHARS = 255;
const LOOK_PAUSE_MS = 2_000;
const DEFAULT_LIMIT = '1h';

export const maintenance: CommandSpec = {
  path: ['maintenance'],
  summary: 'Empty a compute and take it out of the cluster without fencing, and back',
  description: [
    'Disables its compute service, moves what runs there to other hosts alive, two at a time, and then takes its remote node out of the cluster in an orderly way: after that it may be switched off, and nothing is fenced or evacuated. Stopped instances stay on it.',
    'While a running instance is left, the node stays in the cluster (exit code 4): run it again, or --leave-instances.',
    '--end brings it back: the node joins, its compute chain starts, and the service is enabled when it is up, if it was this command that disabled it. It is refused while the node has an incident.',
    'Ctrl-C is safe: what is under way ends in Nova, and the command can be run again and goes on where it was.',
  ],
  arguments: [{ name: 'host', says: 'the compute', offers: 'node' }],
  options: [
    { name: 'end', says: 'bring it back' },
    {
      name: 'why',
      value: 'TEXT',
      says: 'what is being done; it stands in the reason of the disabled service',
      default: 'planned work',
    },
    {
      name: 'leave-instances',
      says: 'take the node out although instances run on it: they are gone while it is off',
    },
    {
      name: 'limit',
      value: 'TIME',
      says: 'how long to wait for each step, such as 90s, 30m or 2h',
      default: DEFAULT_LIMIT,
    },
    { name: 'yes', short: 'y', says: 'do not ask' },
  ],
  examples: [
    {
      command: "instance-ha maintenance overcloud-compute-1 --why 'new memory'",
      says: 'empty it and take it out',
    },
    { command: 'instance-ha maintenance overcloud-compute-1 --end', says: 'back again' },
  ],
  exits: ['failed', 'warning', 'conflict', 'declined', 'unknown'],
  interrupted: 'what Nova or the cluster has begun goes on; run it again to go on where it was',
  run: runMaintenance,
};

interface Site {
  readonly call: Call;
  readonly node: string;
  readonly host: string;
  readonly nova: Nova;
  readonly session: Session;
  readonly limitMs: number;
}

async function runMaintenance(call: Call): Promise<Outcome> {
  const node = call.arguments[0] ?? '';
  const limitMs = spanMs(call.text('limit') ?? DEFAULT_LIMIT);
  if (limitMs === null) return failed(takesTime('limit'), 'usage');
  const situation = await readSituation(call.io);
  if (!situation.known) return failed(situation.reason, 'unknown');
  const { configuration, nodes } = situation.value;
  const records = nodes.find((each) => each.node === node);
  if (records === undefined)
    return failed(
      `${node} is no compute node of this cluster: it has ${nodes.map((each) => each.node).join(', ')}`,
    );
  if (!configuration.resources.some(({ id, agent }) => id === node && agent === 'ocf:pacemaker:remote')) {
    return failed(`the cluster has no remote resource ${node} that could be taken out`);
  }
  // A record that is on its way back ends when the node is back: to bring it back is what it waits for.
  if (records.incident !== null || (records.evacuation !== null && !call.flag('end'))) {
    return outcome('conflict', `${node} has an incident: wait for its end (instance-ha status)`, { node });
  }
  const session = await openCloud(configuration);
  if (!session.known) return failed(session.reason, 'unknown');
  call.io.doing('reading Nova');
  try {
    const nova = createNova(session.value);
    const services = await nova.listComputeServices();
    if (!services.ok) return failed(explainCloud(services.error), 'unknown');
    const host = novaHostOf(
      configuration,
      node,
      services.value.services.map((each) => each.host),
    );
    const service = services.value.services.find((each) => each.host === host);
    if (host === null || service === undefined) return failed(`Nova has no compute host ${node}`);
    const site: Site = { call, node, host, nova, session: session.value, limitMs };
    if (!call.flag('end')) return await takeOut(site, service);
    if (!records.isTakenOut && !isDisabledByUs(service))
      return outcome('ok', `${node} is not taken out of the cluster: nothing was done`, { node });
    return await bringBack(site, service);
  } finally {
    await session.value.close();
  }
}

const isDisabledByUs = ({ status, disabledReason }: ComputeService): boolean =>
  status === 'disabled' && (disabledReason?.startsWith(MARKER) ?? false);

async function takeOut(site: Site, service: ComputeService): Promise<Outcome> {
  const { call, node, nova } = site;
  const refused = await refusal(call, `Empty ${node} and take it out of the cluster?`);
  if (refused !== null) return outcome('declined', refused, { node });
  if (service.status === 'enabled') {
    const reason = `${MARKER} by ${operator()}: ${call.text('why') ?? ''}`.slice(0, MAX_REASON_CHARS);
    const changed = await nova.updateService(service.id ?? '', {
      status: 'disabled',
      disabledReason: reason,
    });
    if (!changed.ok) return failed(explainCloud(changed.error));
    call.io.progress(`${site.host} takes no more instances`);
  }
  const left = await drain(site);
  if (typeof left === 'string') return failed(left);
  if (call.io.signal.aborted) return failed('interrupted');
  const details = left.map(({ id, name, why }) => `  ${name} (${id}): ${why}`);
  if (left.length > 0 && !call.flag('leave-instances')) {
    return outcome(
      'warning',
      [
        `${counted(left.length, 'running instance')} left on ${node}, so it stays in the cluster:`,
        ...details,
      ].join('\n'),
      { node, left },
    );
  }
  const stopped = await setRole(site, 'Stopped');
  if (stopped !== null) return failed(stopped);
  call.io.progress(`waiting for ${node} to leave the cluster`);
  const isOut = await waitFor(site, async () => (await isOnline(site)) === false);
  if (!isOut) return failed(`${node} is still online: crm_mon -1 says what it waits for`);
  return outcome(
    'ok',
    [
      `${node} is out: it may be switched off, nothing is fenced. Back with instance-ha maintenance ${node} --end`,
      ...details,
    ].join('\n'),
    { node, left },
  );
}

interface Left {
  readonly id: string;
  readonly name: string;
  readonly why: string;
}

/** Moves what runs on the host; gives what is left, or what went wrong. */
async function drain(site: Site): Promise<readonly Left[] | string> {
  const { call, nova, host } = site;
  let asked: ReadonlyMap<string, Asked> = new Map();
  let before = '';
  const end = call.io.now() + site.limitMs;
  for (;;) {
    const listed = await nova.listServers({ host });
    if (!listed.ok) return explainCloud(listed.error);
    const onHost = listed.value.servers;
    const elsewhere = new Map<string, Elsewhere>();
    for (const id of leftOpen(onHost, asked)) elsewhere.set(id, await lookFor(site, id));
    const step = drainStep({ onHost, elsewhere }, asked, call.io.now());
    const refused = new Map<string, Asked>();
    for (const { id, name } of step.ask) {
      const answer = await liveMigrate(site.session, id);
      if (!answer.ok)
        refused.set(id, {
          name,
          at: call.io.now(),
          wasMoving: false,
          isGone: false,
          failed: explainCloud(answer.error),
        });
    }
    asked = new Map([...step.asked, ...refused]);
    const left = leftOn(onHost, asked);
    const moving = left.filter(({ id }) => asked.get(id)?.failed === null).length;
    const said = `${counted(left.length, 'running instance')} to move from ${host}, ${moving} on the way`;
    if (said !== before) call.io.progress(said);
    before = said;
    if (step.isOver || call.io.now() >= end || call.io.signal.aborted) return left;
    await call.io.sleep(LOOK_PAUSE_MS);
  }
}

/** What runs on the host, or may: what was asked to leave it counts until it was seen elsewhere, whole. */
function leftOn(onHost: readonly Server[], asked: ReadonlyMap<string, Asked>): readonly Left[] {
  const running = onHost.filter(({ id }) => !asked.has(id)).filter(isMovable);
  return [
    ...running.map(({ id, name }) => ({ id, name, why: 'it has not moved in time' })),
    ...[...asked]
      .filter(([, { isGone }]) => !isGone)
      .map(([id, { name, failed }]) => ({ id, name, why: failed ?? 'it has not moved in time' })),
  ];
}

async function lookFor({ nova, session, host }: Site, id: string): Promise<Elsewhere> {
  const answer = await nova.getServer(id);
  if (!answer.ok || answer.value.kind === 'unreadable') return { kind: 'unknown' };
  if (answer.value.kind === 'missing' || answer.value.server.deleted) return { kind: 'deleted' };
  const { server } = answer.value;
  // Back since the list was read.
  if (server.host === host) return { kind: 'unknown' };
  const migrating = await isLiveMigrating(session, id);
  return migrating.ok ? { kind: 'found', server, isMigrating: migrating.value } : { kind: 'unknown' };
}

async function bringBack(site: Site, before: ComputeService): Promise<Outcome> {
  const { call, node, host, nova } = site;
  const started = await setRole(site, null);
  if (started !== null) return failed(started);
  call.io.progress(`waiting for ${node} to join and for its nova-compute to be up`);
  let service: ComputeService | undefined;
  const isUp = await waitFor(site, async () => {
    const services = await nova.listComputeServices();
    service = services.ok ? services.value.services.find((each) => each.host === host) : service;
    // Nova calls a host up for a minute after its last report; and enabling one whose nova-compute does not run hangs,
    // because the API waits for its answer (nova/compute/api.py _update_compute_provider_status).
    const hasReported = service !== undefined && service.updatedAt !== before.updatedAt;
    return hasReported && service?.state === 'up' && (await isOnline(site)) === true;
  });
  if (!isUp || service === undefined)
    return failed(
      `${node} is not up: is it switched on? Run this again when it is; the cluster takes it in by itself`,
    );
  if (service.status === 'enabled')
    return outcome('ok', `${node} is back and enabled`, { node, enabled: true });
  if (isOurMarker(service.disabledReason)) {
    return outcome(
      'warning',
      `${node} is back; the evacuator enables it at the end of its evacuation (instance-ha status)`,
      { node, enabled: false },
    );
  }
  if (!isDisabledByUs(service)) {
    return outcome(
      'warning',
      `${node} is back; its service stays disabled, as somebody else has set it (${service.disabledReason ?? 'no reason'})`,
      { node, enabled: false },
    );
  }
  const enabled = await nova.updateService(service.id ?? '', { status: 'enabled' });
  if (!enabled.ok) return failed(explainCloud(enabled.error));
  return outcome('ok', `${node} is back and enabled`, { node, enabled: true });
}

/** `target-role` of the remote resource: Pacemaker stops what runs on the node, then lets go of it, and fences nothing. */
async function setRole({ call, node }: Site, role: 'Stopped' | null): Promise<string | null> {
  const what =
    role === null
      ? ['--delete-parameter', 'target-role']
      : ['--set-parameter', 'target-role', '--parameter-value', role];
  const output = await call.io.run('crm_resource', ['--resource', node, '--meta', ...what], {
    timeoutMs: TOOL_TIMEOUT_MS,
  });
  if (!output.ok) return explain(output.error);
  return output.value.exitCode === 0 ? null : explain(exitError('crm_resource', output.value));
}

async function isOnline({ call, node }: Site): Promise<boolean | null> {
  const situation = await readSituation(call.io);
  return situation.known ? (situation.value.nodes.find((each) => each.node === node)?.online ?? null) : null;
}

async function waitFor({ call, limitMs }: Site, condition: () => Promise<boolean>): Promise<boolean> {
  const end = call.io.now() + limitMs;
  while (!call.io.signal.aborted) {
    if (await condition()) return true;
    if (call.io.now() >= end) return false;
    await call.io.sleep(LOOK_PAUSE_MS);
  }
  return false;
}
