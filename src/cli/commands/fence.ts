import { VERSION } from '../../agents/version.ts';
import type { Maybe } from '../../core/observation.ts';
import { protectionOf } from '../../doctor/checks/protection.ts';
import { runChecks } from '../../doctor/checks.ts';
import { backCommand, type ConfigurationFacts, type Facts, isTakenOut } from '../../doctor/facts.ts';
import { gatherFacts } from '../../doctor/gather.ts';
import { type LocalPort, localPort } from '../../doctor/gather-local.ts';
import { powerDevicesOf, powerOff } from '../../doctor/gather-power.ts';
import { createNova, type Nova } from '../../openstack/nova.ts';
import { explain } from '../../pacemaker/errors.ts';
import { exitError, type RunTool } from '../../pacemaker/tool.ts';
import { notNamed } from '../asking.ts';
import { type Audit, audit } from '../audit.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';
import { advance, beginning, type Followed, news, type Progress, reportText, type Sight } from '../follow.ts';
import { type Forecast, forecast } from '../forecast.ts';
import { type DoomedHost, type Foresight, foreseeHosts } from '../foreseen.ts';
import { novaHostOf, openCloud, readSituation } from '../situation.ts';
import { spanMs, takesTime } from '../times.ts';
import { counted } from '../words.ts';
import { forecastText } from './plan.ts';

/** Pause between two looks while following, ms. */
const LOOK_PAUSE_MS = 1_000;
const DEFAULT_LIMIT = '30m';
/** Instances asked for one by one in one look. */
const MAX_LOOKUPS = 8;
/** The fencer answers when the whole level has been gone through, ms. */
const FENCE_LIMIT_MS = 300_000;

const LIMIT = {
  name: 'limit',
  value: 'TIME',
  says: 'how long to follow, such as 90s, 30m or 2h',
  default: DEFAULT_LIMIT,
};
const NAME = {
  name: 'name',
  value: 'NAME',
  says: "the compute's name once more, instead of typing it when asked",
};
const INTERRUPTED =
  'where the name was typed, the fencing and what follows from it go on (instance-ha status --watch); before that, nothing was done';
const HOST = { name: 'host', says: 'the compute', offers: 'node' } as const;

/** What these commands touch beside the cluster and the cloud. */
export interface FenceWorld {
  readonly audit: Audit;
  readonly local: (run: RunTool) => LocalPort;
}

/** The command that cuts the power by the device itself, so that the cluster has to notice. `world`: tests bring their own. */
export function drill(world: FenceWorld): CommandSpec {
  return {
    path: ['drill'],
    summary: 'Let a compute really die, follow what happens, and report the times',
    description: [
      'A failure on purpose, with your yes: first doctor and plan have to be content, then the power is cut by the power device itself, behind the back of the cluster, so that everything is as in a real failure: the death has to be noticed, fenced, proven, every instance moved, the host let go and brought back. It ends in a report with the measured times.',
      'The instances of the host go down with it. Ctrl-C ends the following, not the recovery.',
    ],
    arguments: [HOST],
    options: [
      NAME,
      LIMIT,
      {
        name: 'despite-warnings',
        says: 'also where the check capacity or an instance that can not move warns',
      },
    ],
    examples: [
      {
        command: 'instance-ha drill overcloud-compute-1',
        says: 'shows what would happen, asks for the name, and does it',
      },
    ],
    exits: ['failed', 'conflict', 'declined', 'unknown', 'fault'],
    interrupted: INTERRUPTED,
    run: (call) => act(call, world, 'drill'),
  };
}

/** The command that has the cluster fence a compute by Pacemaker's own means; else the same way through as {@link drill}. */
export function evacuate(world: FenceWorld): CommandSpec {
  return {
    path: ['evacuate'],
    summary: 'Fence a compute by hand, so that its instances are evacuated',
    description: [
      'The same engine and the same gates as after a failure: the cluster fences the compute (its power goes off, and on again), fence_compute records the incident, the evacuator does the rest. For a host that is broken in a way that the cluster does not see.',
      'The instances of the host go down with it; to move them alive, migrate them with Nova. Ctrl-C ends the following, not the evacuation.',
    ],
    arguments: [HOST],
    options: [NAME, LIMIT, { name: 'reason', value: 'TEXT', says: 'for the audit log', default: 'by hand' }],
    examples: [
      {
        command: "instance-ha evacuate overcloud-compute-1 --reason 'the storage network of it is gone'",
        says: 'asks for the name',
      },
    ],
    exits: ['failed', 'conflict', 'declined', 'unknown', 'fault'],
    interrupted: INTERRUPTED,
    run: (call) => act(call, world, 'evacuate'),
  };
}

async function act(call: Call, world: FenceWorld, kind: 'drill' | 'evacuate'): Promise<Outcome> {
  const node = call.arguments[0] ?? '';
  const limitMs = spanMs(call.text('limit') ?? DEFAULT_LIMIT);
  if (limitMs === null) return failed(takesTime('limit'), 'usage');
  const facts = await gatherFacts({
    run: call.io.run,
    local: world.local(call.io.run),
    now: call.io.now,
    progress: call.io.progress,
  });
  const ready = await readiness(call, facts, node, kind);
  if (ready.state !== 'ready') return ready.outcome;
  const text = forecastText(ready.forecast);
  call.io.progress(text);
  const typed = call.text('name') ?? (await call.io.ask(`The power of ${node} will be cut. Type its name:`));
  if (typed?.trim() !== node) return outcome('declined', notNamed(typed), { node, forecast: ready.forecast });
  try {
    await world.audit({ command: kind, node, reason: call.text('reason') ?? kind }, call.io.now());
  } catch {
    return failed(
      'the audit log can not be written, so nothing was done: be root, and see /var/log/instance-ha',
    );
  }
  const begun = call.io.now();
  call.io.progress(
    `     +0 s  ${kind === 'drill' ? `the power of ${node} is being cut` : `the cluster is asked to fence ${node}`}`,
  );
  const cut = await cutPower(call, facts, node, kind);
  if (call.io.signal.aborted) return failed('interrupted');
  if (cut !== null) return failed(cut);
  if (!facts.configuration.known) return failed(facts.configuration.reason, 'unknown');
  const session = await openCloud(facts.configuration.value);
  if (!session.known) return failed(session.reason, 'unknown');
  try {
    return await follow(call, {
      kind,
      node,
      host: ready.host,
      nova: createNova(session.value),
      begun,
      limitMs,
      result: ready.forecast,
    });
  } finally {
    await session.value.close();
  }
}

type Readiness =
  | { readonly state: 'ready'; readonly host: string; readonly forecast: Forecast }
  | { readonly state: 'not'; readonly outcome: Outcome };

/** Nothing is killed on purpose that would not come back. */
async function readiness(
  call: Call,
  facts: Facts,
  node: string,
  kind: 'drill' | 'evacuate',
): Promise<Readiness> {
  const not = (ended: Outcome): Readiness => ({ state: 'not', outcome: ended });
  if (!facts.configuration.known) return not(failed(facts.configuration.reason, 'unknown'));
  if (!facts.cloud.known) return not(failed(`Nova can't be asked: ${facts.cloud.reason}`, 'unknown'));
  if (!facts.usage.known)
    return not(failed(`what the hosts have given away can't be read: ${facts.usage.reason}`, 'unknown'));
  const own = facts.configuration.value.cluster.nodes.find(({ name }) => name === node);
  if (own === undefined || own.kind !== 'remote')
    return not(failed(`${node} is no compute node of this cluster`));
  if (own.permanent.has('instance-ha-incident') || own.permanent.has('instance-ha-evacuation')) {
    return not(outcome('conflict', `${node} has an incident already: instance-ha status`, { node }));
  }
  if (isTakenOut(facts.configuration.value, node)) {
    return not(
      outcome(
        'conflict',
        `${node} is taken out of the cluster (maintenance), so nothing was done: first ${backCommand(node)}`,
        { node, isTakenOut: true },
      ),
    );
  }
  const { lacks, unknowns } = protectionOf(facts, node);
  if (lacks.length + unknowns.length > 0) {
    const why = [...lacks, ...unknowns].join('; ');
    return not(
      outcome(
        'conflict',
        `${node} is not protected, so nothing was done: ${why} (instance-ha doctor --node ${node})`,
        { node, lacks, unknowns },
      ),
    );
  }
  const dark = facts.power.filter((answer) => answer.node === node && answer.state === 'off');
  if (kind === 'drill' && dark.length > 0)
    return not(
      outcome(
        'conflict',
        `the power of ${node} is off already, says ${dark.map(({ device }) => device).join(', ')}, so nothing was done: instance-ha status --watch`,
        { node },
      ),
    );
  const faults = kind === 'drill' ? runChecks(facts, node).filter(({ verdict }) => verdict === 'fault') : [];
  if (faults.length > 0) {
    const why = faults.flatMap(({ problems }) => problems.map(({ says }) => says)).join('; ');
    return not(
      outcome('conflict', `doctor is not content, so nothing was done: ${why}`, {
        node,
        faults: faults.map(({ check, problems }) => ({ check: check.id, problems })),
      }),
    );
  }
  const hosts = facts.cloud.value.services.map(({ host }) => host);
  const host = novaHostOf(facts.configuration.value, node, hosts);
  if (host === null) return not(failed(`Nova has no compute host ${node}`));
  const foresight = await foreseeNode(call, facts.configuration.value, { node, host });
  if (!foresight.known) return not(failed(foresight.reason, 'unknown'));
  const result = forecast(facts.cloud.value, facts.usage.value, [host], foresight.value);
  const staying = result.instances.filter(({ verdict }) => verdict !== 'moves');
  if (kind === 'drill' && staying.length > 0 && !call.flag('despite-warnings')) {
    return not(
      outcome(
        'conflict',
        `${counted(staying.length, 'instance')} would not move, so nothing was done (--despite-warnings does it all the same):\n${forecastText(result)}`,
        { node, forecast: result },
      ),
    );
  }
  return { state: 'ready', host, forecast: result };
}

async function foreseeNode(
  call: Call,
  configuration: ConfigurationFacts,
  doomed: DoomedHost,
): Promise<Maybe<Foresight>> {
  const session = await openCloud(configuration);
  if (!session.known) return session;
  try {
    return await foreseeHosts(session.value, configuration, [doomed], call.io.now);
  } finally {
    await session.value.close();
  }
}

/** Why the power could not be cut, or null. */
async function cutPower(
  call: Call,
  facts: Facts,
  node: string,
  kind: 'drill' | 'evacuate',
): Promise<string | null> {
  const { run } = call.io;
  if (kind === 'evacuate') {
    const fenced = await run('stonith_admin', ['--reboot', node], { timeoutMs: FENCE_LIMIT_MS });
    if (!fenced.ok) return `${explain(fenced.error)}; the fencing may go on all the same: instance-ha status`;
    return fenced.value.exitCode === 0
      ? null
      : `${node} was not fenced: ${explain(exitError('stonith_admin', fenced.value))}`;
  }
  if (!facts.configuration.known) return facts.configuration.reason;
  const devices = powerDevicesOf(facts.configuration.value, node);
  if (devices.length === 0) return `${node} has no power device`;
  for (const device of devices) {
    const why = await powerOff(run, facts.configuration.value, node, device);
    if (why !== null) return `${device} did not cut the power of ${node}: ${why}`;
  }
  return null;
}

interface Chase {
  readonly kind: 'drill' | 'evacuate';
  readonly node: string;
  readonly host: string;
  readonly nova: Nova;
  readonly begun: number;
  readonly limitMs: number;
  readonly result: Forecast;
}

async function follow(call: Call, chase: Chase): Promise<Outcome> {
  const { kind, node, host, begun, limitMs, result } = chase;
  const followed = result.instances.map(
    ({ id, name, verdict }): Followed => ({ id, name, expected: verdict === 'moves' }),
  );
  let progress = beginning(begun);
  while (progress.back === null && call.io.now() - begun < limitMs && !call.io.signal.aborted) {
    const next = advance(progress, await look(call, chase, progress, followed), host, followed);
    for (const line of news(progress, next)) call.io.progress(line);
    progress = next;
    if (progress.back === null) await call.io.sleep(LOOK_PAUSE_MS);
  }
  const isWhole = progress.back !== null && progress.evacuated !== null;
  const end = kind === 'drill' ? drillEnd(isWhole, node) : evacuateEnd(progress, node);
  return outcome(
    isWhole ? 'ok' : 'fault',
    `${reportText(progress, followed)}\n\n${end}`,
    reportData(progress, followed, isWhole),
  );
}

const drillEnd = (isWhole: boolean, node: string): string =>
  isWhole ? 'passed' : `NOT PASSED: instance-ha explain ${node}`;

/** What has become of the host until the following ended; what is not done by then goes on. */
function evacuateEnd({ recorded, evacuated, back }: Progress, node: string): string {
  if (recorded === null)
    return `${node} was fenced, but NO INCIDENT is recorded: instance-ha doctor --node ${node}`;
  if (evacuated === null) return `${node} is NOT EVACUATED yet; it goes on: instance-ha explain ${node}`;
  if (back === null) return `${node} is evacuated, but NOT BACK yet: instance-ha explain ${node}`;
  return `${node} is evacuated, and back`;
}

async function look(
  call: Call,
  { node, host, nova }: Chase,
  progress: Progress,
  followed: readonly Followed[],
): Promise<Sight> {
  const [situation, services, instances] = await Promise.all([
    readSituation(call.io),
    nova.listComputeServices(),
    lookForInstances(
      nova,
      host,
      followed.filter(({ id }) => !progress.moved.has(id)),
    ),
  ]);
  const service = services.ok ? services.value.services.find((each) => each.host === host) : undefined;
  return {
    at: call.io.now(),
    records: situation.known ? (situation.value.nodes.find((each) => each.node === node) ?? null) : null,
    instances,
    serviceIsFine:
      service === undefined
        ? null
        : service.state === 'up' && service.status === 'enabled' && !service.forcedDown,
  };
}

/** What is on the host still comes from one list; only what has left it is asked for one by one, until it has arrived. */
async function lookForInstances(
  nova: Nova,
  host: string,
  open: readonly Followed[],
): Promise<Sight['instances']> {
  if (open.length === 0) return new Map();
  const listed = await nova.listServers({ host });
  if (!listed.ok) return null;
  const here = new Map(listed.value.servers.map((server) => [server.id, server]));
  const gone = open.filter(({ id }) => !here.has(id)).slice(0, MAX_LOOKUPS);
  const found = await Promise.all(gone.map(({ id }) => nova.getServer(id)));
  const servers = [
    ...here.values(),
    ...found.flatMap((answer) => (answer.ok && answer.value.kind === 'found' ? [answer.value.server] : [])),
  ];
  return new Map(
    servers.map(({ id, host: at, vmState, taskState }) => [id, { host: at, vmState, taskState }]),
  );
}

function reportData(
  progress: Progress,
  followed: readonly Followed[],
  passed: boolean,
): Readonly<Record<string, unknown>> {
  const since = (at: number | null): number | null => (at === null ? null : at - progress.begun);
  return {
    passed,
    begun: new Date(progress.begun).toISOString(),
    afterMs: {
      recorded: since(progress.recorded),
      proven: since(progress.proven),
      evacuated: since(progress.evacuated),
      released: since(progress.released),
      back: since(progress.back),
    },
    instances: followed.map(({ id, name, expected }) => {
      const moved = progress.moved.get(id);
      return {
        id,
        name,
        expected,
        to: moved?.to ?? null,
        afterMs: moved === undefined ? null : moved.at - progress.begun,
      };
    }),
  };
}

const FENCE_WORLD: FenceWorld = { audit, local: (run) => localPort(run, VERSION) };
export const drillCommand: CommandSpec = drill(FENCE_WORLD);
export const evacuateCommand: CommandSpec = evacuate(FENCE_WORLD);
