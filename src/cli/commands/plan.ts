import { readCloud } from '../../doctor/gather.ts';
import { worstOf } from '../../doctor/room.ts';
import { explain } from '../../openstack/errors.ts';
import { readUsage } from '../../openstack/usage.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';
import { type Forecast, forecast, type InstanceForecast } from '../forecast.ts';
import { novaHostOf, openCloud, readSituation } from '../situation.ts';

/** Sets of hosts that are tried for `--survive`. */
const MAX_SETS = 20_000;

export const plan: CommandSpec = {
  path: ['plan'],
  summary: 'Say what would happen if compute nodes died now',
  description: [
    'Which instances would move, which cannot and why, whose disk is kept, whether there is room for each one as a whole (not only in total), and about how long it would take by what earlier evacuations took. It changes nothing.',
    '--survive N looks for the N hosts whose loss would leave most instances without room.',
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

async function runPlan(call: Call): Promise<Outcome> {
  const survive = call.text('survive');
  if (survive !== null && !/^[1-9]\d?$/.test(survive))
    return failed('--survive takes a number from 1 to 99', 'usage');
  if ((survive === null) === (call.arguments.length === 0))
    return failed('name the hosts, or give --survive N', 'usage');
  const situation = await readSituation(call.io);
  if (!situation.known) return failed(situation.reason, 'unknown');
  const session = await openCloud(situation.value.configuration);
  if (!session.known) return failed(session.reason, 'unknown');
  try {
    const [cloud, usage] = await Promise.all([
      readCloud(session.value, call.io.now),
      readUsage(session.value),
    ]);
    if (!cloud.known) return failed(cloud.reason, 'unknown');
    if (!usage.ok) return failed(explain(usage.error), 'unknown');
    const all = cloud.value.services
      .filter(({ binary }) => binary === 'nova-compute')
      .map(({ host }) => host);
    if (survive !== null) {
      const up = cloud.value.services
        .filter(({ state, status }) => state === 'up' && status === 'enabled')
        .map(({ host }) => host);
      const usable = usage.value.filter(({ name }) =>
        up.some((host) => name === host || name.split('.')[0] === host.split('.')[0]),
      );
      if (usable.length <= Number(survive))
        return failed(`there are ${usable.length} usable hosts: losing ${survive} leaves none`, 'fault');
      const { worst, isComplete, tries } = worstOf(usable, Number(survive), MAX_SETS);
      const bounds = isComplete
        ? `all ${tries} sets of hosts were tried`
        : `the ${tries} sets with the fullest hosts were tried`;
      const text =
        worst.left.length === 0
          ? `yes: any ${survive} hosts can be lost, and every instance of them finds room (${bounds})`
          : `NO: without ${worst.hosts.join(', ')} ${worst.left.length} instances would find no room (${bounds}):\n${worst.left.map(({ id, host }) => `  ${id} on ${host}`).join('\n')}`;
      return outcome(worst.left.length === 0 ? 'ok' : 'fault', text, {
        survives: worst.left.length === 0,
        worst: worst.hosts,
        left: worst.left,
        isComplete,
      });
    }
    const hosts = call.arguments.map((name) => ({
      name,
      host: novaHostOf(situation.value.configuration, name, all) ?? (all.includes(name) ? name : null),
    }));
    const missing = hosts.filter(({ host }) => host === null).map(({ name }) => name);
    if (missing.length > 0)
      return failed(`Nova has no compute host ${missing.join(', ')}; it has ${all.join(', ')}`);
    const result = forecast(
      cloud.value,
      usage.value,
      hosts.flatMap(({ host }) => host ?? []),
    );
    const isShort = result.instances.some(({ verdict }) => verdict === 'no-room');
    const isPartial = result.instances.some(({ verdict }) => verdict === 'cannot');
    return outcome(isShort ? 'fault' : isPartial ? 'warning' : 'ok', forecastText(result), result);
  } finally {
    await session.value.close();
  }
}

export function forecastText(result: Forecast): string {
  const of = (verdict: InstanceForecast['verdict']): readonly InstanceForecast[] =>
    result.instances.filter((each) => each.verdict === verdict);
  const [moves, cannot, noRoom] = [of('moves'), of('cannot'), of('no-room')];
  const line = ({ name, id, reason }: InstanceForecast): string => `  ${name} (${id}): ${reason}`;
  return [
    `if ${result.hosts.join(' and ')} died now: ${result.instances.length} instances are affected`,
    `${moves.length} would be evacuated to ${result.destinations.join(', ') || 'nowhere'}${result.estimate === null ? '' : `, in ${result.estimate.atMost ? 'at most' : 'about'} ${result.estimate.seconds} s by what earlier ones took`}`,
    ...moves.map(
      ({ name, id, disk, state }) =>
        `  ${name} (${id}): ${state}; ${disk === 'kept' ? 'its disk is a volume and kept' : 'its disk is kept on shared storage, else built anew from its image'}`,
    ),
    ...(noRoom.length === 0 ? [] : [`${noRoom.length} would find NO ROOM:`, ...noRoom.map(line)]),
    ...(cannot.length === 0 ? [] : [`${cannot.length} can't be evacuated:`, ...cannot.map(line)]),
  ].join('\n');
}
