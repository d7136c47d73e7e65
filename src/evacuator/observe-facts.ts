import type { FactsLook } from '../core/decision.ts';
import {
  type EvacuationView,
  type Fact,
  known,
  type Maybe,
  type ProviderView,
  trailKey,
  unknown,
} from '../core/observation.ts';
import type { HostMemory, Memory } from './memory.ts';
import type { Answer, CloudPort, Ports } from './ports.ts';

type Facts = Memory['facts'];
type FactKey = 'aggregates' | 'serverGroups' | 'flavors' | 'images';

/**
 * Reads what a look asks for of what changes seldom, side by side. The first answer is waited for, so that it is
 * there together with the first listing of a host. What has failed before is asked again without waiting: a service
 * that hangs must not keep the evacuator from following what is under way.
 */
export async function lookAtFacts(ports: Ports, memory: Memory, look: FactsLook): Promise<void> {
  const { cloud } = ports;
  const { images } = look;
  const questions: Promise<void>[] = [];
  if (look.aggregates) questions.push(ask(ports, memory, 'aggregates', () => cloud.listAggregates()));
  if (look.serverGroups) questions.push(ask(ports, memory, 'serverGroups', () => cloud.listServerGroups()));
  if (look.flavors) questions.push(ask(ports, memory, 'flavors', () => cloud.listFlavors()));
  if (images !== null) {
    const find = async (): Promise<Answer<ValueOf<'images'>>> => {
      const answer = await cloud.findImages(images);
      // Which images these are goes with the answer: a question that still hangs may be that of another policy.
      memory.facts = { ...memory.facts, imageQuery: images };
      return answer;
    };
    questions.push(ask(ports, memory, 'images', find));
  }
  await Promise.all(questions);
}

/**
 * What was read of these before goes for as long as they can't be read again. A server stays in its group for life; without
 * the groups, whoever has to go where the others are would be asked for in vain (core/affinity.ts).
 */
const STAYS: ReadonlySet<FactKey> = new Set(['serverGroups']);

type ValueOf<K extends FactKey> = Extract<Facts[K]['value'], { known: true }>['value'];

async function ask<K extends FactKey>(
  { clock }: Ports,
  memory: Memory,
  key: K,
  question: () => Promise<Answer<ValueOf<K>>>,
): Promise<void> {
  const put = (value: Maybe<ValueOf<K>>): void => {
    memory.facts = { ...memory.facts, [key]: { value, mono: clock.mono() } };
  };
  const read = async (): Promise<void> => {
    const answer = await question();
    if (answer.ok) put(known(answer.value));
    else
      put(STAYS.has(key) && memory.facts[key].value.known ? memory.facts[key].value : unknown(answer.reason));
  };
  const { value: held, mono }: Fact<unknown> = memory.facts[key];
  if (mono < 0 || held.known) return read();
  // The time of the question counts for when it is asked again.
  put(held);
  if (memory.asking.has(key)) return;
  memory.asking.add(key);
  void read().then(() => {
    memory.asking.delete(key);
    clock.wake();
  });
}

/** Asks Neutron about what has arrived; the answer comes when it comes, and wakes the loop. */
export async function lookAtPorts({ cloud, clock }: Ports, host: HostMemory): Promise<void> {
  const arrived = [...host.servers.values()].filter((server) => server.host !== host.host && !server.deleted);
  const ids = arrived.map((server) => server.id).filter((id) => !host.ports.has(id));
  if (ids.length === 0) return;
  for (const id of ids) host.ports.set(id, unknown('being asked for'));
  host.view = null;
  const answer = await cloud.listPorts(ids);
  for (const id of ids) {
    host.ports.set(id, answer.ok ? known(answer.value.get(id) ?? []) : unknown(answer.reason));
  }
  host.view = null;
  clock.wake();
}

/**
 * Asks Nova how far the request of an evacuation has come, and then Placement where to: so the choice of one that is sent is among
 * what Placement names. The answers come when they come, and wake the loop.
 */
export async function lookAtTrail(
  { cloud, clock }: Ports,
  memory: Memory,
  evacuation: EvacuationView,
): Promise<void> {
  // The time of the question counts for when it is asked again.
  const mono = clock.mono();
  const key = trailKey(evacuation);
  const held = memory.trails.get(key)?.value ?? unknown('Nova is being asked');
  memory.trails.set(key, { value: held, mono });
  const answer = await cloud.trailOf(evacuation);
  const toldAt = clock.mono();
  const value = answer.ok
    ? known({ ...answer.value, seenAt: mono, toldAt, givers: await findGivers(cloud, evacuation) })
    : unknown(answer.reason);
  memory.trails.set(key, { value, mono });
  clock.wake();
}

async function findGivers(
  cloud: CloudPort,
  { server, dest }: EvacuationView,
): Promise<Maybe<readonly ProviderView[]>> {
  if (dest !== null) return unknown('the request named its host');
  const answer = await cloud.hostsOfConsumer(server);
  return answer.ok ? known(answer.value) : unknown(answer.reason);
}

/** After so long without a question, ms, nobody knows whether Placement has been away all the time. */
const PLACEMENT_GAP_MS = 60_000;

/**
 * Asks whether Placement answers, one question at a time, and takes down for each evacuation that had been seen to end in `error`
 * whether it did. The answer comes when it comes, and wakes the loop.
 */
export async function lookAtPlacement({ cloud, clock }: Ports, memory: Memory): Promise<void> {
  if (memory.placement.isAsking) return;
  const askedAt = clock.mono();
  const open = [...memory.hosts.values()].flatMap((host) =>
    [...host.evacuations.values()]
      .filter(({ id, status }) => status === 'error' && !host.placementAfter.has(id))
      .map(({ id }) => ({ host, id })),
  );
  const before = memory.placement;
  memory.placement = { ...before, askedAt, isAsking: true };
  const answer = await cloud.findPlacement();
  for (const { host, id } of open) {
    host.placementAfter.set(id, answer.ok);
    host.view = null;
  }
  const isNew = before.awaySince < 0 || askedAt - before.askedAt > PLACEMENT_GAP_MS;
  const awaySince = isNew ? askedAt : before.awaySince;
  memory.placement = answer.ok
    ? { trouble: null, askedAt, awaySince: -1, isAsking: false }
    : { trouble: answer.reason, askedAt, awaySince, isAsking: false };
  clock.wake();
}
