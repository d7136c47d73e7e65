import type { DiskFate } from '../../core/decision.ts';
import { type HostName, hostName } from '../../core/names.ts';
import { backCommand, type CloudFacts, type ConfigurationFacts, isTakenOut } from '../../doctor/facts.ts';
import { readCloud } from '../../doctor/gather.ts';
import { worstOf } from '../../doctor/room.ts';
import { explain } from '../../openstack/errors.ts';
import type { Session } from '../../openstack/session.ts';
import { type HostUsage, readUsage } from '../../openstack/usage.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';
import { type Forecast, forecast, type InstanceForecast, usageOn } from '../forecast.ts';
import { foreseeHosts, foreseenReserves } from '../foreseen.ts';
import { nodeOfHost, novaHostOf, openCloud, readSituation } from '../situation.ts';
import { counted } from '../words.ts';

/** Sets of hosts that are tried for `--survive`. */
const MAX_SETS = 20_000;

export const plan: CommandSpec = {
  path: ['plan'],
  summary: 'Say what would happen if compute nodes died now',
  description: [
    "Which instances would move and in which order, which would not and why, whose disk is kept, whether there is room for each one as a whole (not only in total), and about how long it would take by what earlier evacuations took. Selection and order are the evacuator's own rules, with the policy file of this controller. It changes nothing.",
    '--survive N looks for the N hosts whose loss would leave most instances without room.',
    'Hosts that are kept for failures count where the policy has reserved_hosts: one for each host that dies, as the evacuator would choose it.',
    'The scheduler has filters of its own: room that is found here is no promise.',
  ],
  arguments: [
    {
      name: 'host',
      says: 'compute nodes that die, all at once',
      isOptional: true,
      isList: true,
      offers: 'node',
    },
  ],
  options: [{ name: 'survive', value: 'N', says: 'can any N hosts be lost? names the worst ones' }],
  examples: [
    { command: 'instance-ha plan overcloud-compute-1', says: 'if this one died' },
    { command: 'instance-ha plan --survive 2', says: 'if any two died' },
  ],
  exits: ['failed', 'warning', 'fault', 'unknown'],
  run: runPlan,
};

/** What is asked of, as it was read. */
interface Reading {
  readonly call: Call;
  readonly configuration: ConfigurationFacts;
  readonly session: Session;
  readonly cloud: CloudFacts;
  readonly usage: readonly HostUsage[];
}

async function runPlan(call: Call): Promise<Outcome> {
  const survive = call.text('survive');
  if (survive !== null && !/^[1-9]\d?$/.test(survive))
    return failed('--survive takes a number from 1 to 99', 'usage');
  if (survive === null && call.arguments.length === 0)
    return failed('name the hosts, or give --survive N', 'usage');
  if (survive !== null && call.arguments.length > 0)
    return failed(
      'name the hosts, or give --survive N, not both: --survive tries any N of all hosts',
      'usage',
    );
  const situation = await readSituation(call.io);
  if (!situation.known) return failed(situation.reason, 'unknown');
  const { configuration } = situation.value;
  const session = await openCloud(configuration);
  if (!session.known) return failed(session.reason, 'unknown');
  call.io.doing('reading Nova and Placement');
  try {
    const [cloud, usage] = await Promise.all([
      readCloud(session.value, call.io.now),
      readUsage(session.value),
    ]);
    if (!cloud.known) return failed(cloud.reason, 'unknown');
    if (!usage.ok) return failed(explain(usage.error), 'unknown');
    const reading: Reading = {
      ...{ call, configuration, session: session.value },
      ...{ cloud: cloud.value, usage: usage.value },
    };
    return await (survive === null ? whatWouldMove(reading) : whetherAnyCanBeLost(reading, Number(survive)));
  } finally {
    await session.value.close();
  }
}

/** `plan --survive N`: whether any `count` hosts of those that are up can be lost, or which are the worst. */
async function whetherAnyCanBeLost(
  { call, configuration, session, cloud, usage }: Reading,
  count: number,
): Promise<Outcome> {
  const up = cloud.services
    .filter(({ state, status }) => state === 'up' && status === 'enabled')
    .map(({ host }) => host);
  const usable = usageOn(usage, up);
  const reserves = await foreseenReserves(session, configuration, call.io.now);
  if (!reserves.known) return failed(reserves.reason, 'unknown');
  const hostOf = new Map(usable.map(({ name, host }) => [name, hostName(host ?? name)]));
  const hostsOf = (providers: readonly string[]): readonly HostName[] =>
    providers.flatMap((name) => hostOf.get(name) ?? []);
  const sparesOf = (lost: readonly string[]): readonly HostUsage[] =>
    usageOn(usage, reserves.value(hostsOf(lost)));
  const isAll = usable.length === count && sparesOf(usable.map(({ name }) => name)).length === 0;
  if (usable.length < count || isAll)
    return failed(`hosts that are up and enabled: ${usable.length}; without ${count} there is none`, 'fault');
  call.io.doing(`trying sets of ${count} hosts`);
  const { worst, isComplete, tries } = await worstOf(
    usable,
    count,
    MAX_SETS,
    async () => {
      // Lets a line of progress out, and Ctrl-C in.
      await call.io.sleep(0);
      return call.io.signal.aborted;
    },
    sparesOf,
  );
  const bounds = isComplete
    ? tries === 1
      ? 'the only set of hosts was tried'
      : `all ${tries} sets of hosts were tried`
    : `the ${tries} sets with the fullest hosts were tried`;
  const lost = hostsOf(worst.hosts);
  const left = worst.left.map((each) => ({ ...each, host: hostsOf([each.host])[0] ?? each.host }));
  const text =
    left.length === 0
      ? `yes: any ${counted(count, 'host')} can be lost, and every instance finds room; the heaviest loss is that of ${lost.join(', ')} (${bounds})`
      : `NO: without ${lost.join(', ')} ${counted(left.length, 'instance')} would find no room (${bounds}):\n${left.map(({ id, host }) => `  ${id} on ${host}`).join('\n')}`;
  const survives = left.length === 0;
  return outcome(survives ? 'ok' : 'fault', text, { survives, worst: lost, left, isComplete });
}

/** `plan HOST...`: what would become of each instance of the hosts that are named, if they died together. */
async function whatWouldMove({ call, configuration, session, cloud, usage }: Reading): Promise<Outcome> {
  const all = cloud.services.filter(({ binary }) => binary === 'nova-compute').map(({ host }) => host);
  const hosts = call.arguments.map((name) => ({
    name,
    host: novaHostOf(configuration, name, all) ?? (all.includes(name) ? name : null),
  }));
  const missing = hosts.filter(({ host }) => host === null).map(({ name }) => name);
  if (missing.length > 0)
    return failed(`Nova has no compute host ${missing.join(', ')}; it has ${all.join(', ')}`);
  // A node and its host by name, or one of them twice, are one.
  const named = [...new Set(hosts.map(({ name, host }) => host ?? name))].map((host) => ({
    node: nodeOfHost(configuration, host),
    host,
  }));
  const takenOut = named.filter(({ node }) => isTakenOut(configuration, node)).map(({ node }) => node);
  const doomed = named.filter(({ node }) => !takenOut.includes(node));
  const notes = takenOut.map(
    (node) =>
      `${node} is taken out of the cluster (maintenance): nothing of it would be fenced or evacuated; back with ${backCommand(node)}`,
  );
  if (doomed.length === 0) return outcome('warning', notes.join('\n'), { takenOut });
  call.io.doing('asking the rules and the policy');
  const foresight = await foreseeHosts(session, configuration, doomed, call.io.now);
  if (!foresight.known) return failed(foresight.reason, 'unknown');
  const result = forecast(
    cloud,
    usage,
    doomed.map(({ host }) => host),
    foresight.value,
  );
  const isShort = result.instances.some(({ verdict }) => verdict === 'no-room');
  const isPartial = result.instances.some(({ verdict }) => verdict === 'cannot' || verdict === 'held');
  return outcome(
    isShort ? 'fault' : isPartial || takenOut.length > 0 ? 'warning' : 'ok',
    [...notes, forecastText(result)].join('\n'),
    { ...result, takenOut },
  );
}

/** A forecast in many lines: first what would be evacuated, in the order of the requests, then the rest with the reason for each. */
export function forecastText(result: Forecast): string {
  const group = (
    verdict: InstanceForecast['verdict'],
    title: string,
    line: (each: InstanceForecast) => string,
  ): readonly string[] => {
    const its = result.instances.filter((each) => each.verdict === verdict);
    return its.length === 0 ? [] : [`${its.length} ${title}:`, ...its.map((each) => `  ${line(each)}`)];
  };
  const labelled = (host: string): string =>
    result.reserves.includes(host) ? `${host} (reserved until then)` : host;
  const named = ({ name, id }: InstanceForecast): string => `${name} (${id})`;
  const why = (each: InstanceForecast): string => `${named(each)}: ${each.reason}`;
  const time =
    result.estimate === null
      ? ''
      : `, in ${result.estimate.atMost ? 'at most' : 'about'} ${result.estimate.seconds} s by what earlier ones took`;
  const moves = group(
    'moves',
    `would be evacuated to ${result.destinations.map(labelled).join(', ') || 'nowhere'}${time}, in this order`,
    (each) =>
      `${String(each.place).padStart(3)}. ${named(each)}: ${each.state}; ${DISK[each.disk]}${saidOf(each.after)}${saidOf(each.note)}`,
  );
  return [
    `if ${result.hosts.join(' and ')} died now: ${result.instances.length === 1 ? '1 instance is' : `${result.instances.length} instances are`} affected`,
    ...(moves.length === 0 ? ['0 would be evacuated'] : moves),
    ...group('no-room', 'would find NO ROOM', why),
    ...group('held', 'would wait', why),
    ...group('cannot', "can't be evacuated", why),
    ...group('excluded', 'would be left, as the policy or their owners say', why),
  ].join('\n');
}

const saidOf = (text: string | null): string => (text === null ? '' : `; ${text}`);

const DISK: Readonly<Record<DiskFate, string>> = {
  kept: 'its disk is kept',
  rebuilt: 'its disk is LOST and built anew from its image',
};
