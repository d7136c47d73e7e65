import type { FactsLook } from '../core/decision.ts';
import { type Fact, known, unknown } from '../core/observation.ts';
import type { HostMemory, Memory } from './memory.ts';
import type { Answer, Ports } from './ports.ts';

/** Reads what a look asks for of what changes seldom, side by side; the rest stays as it is remembered. */
export async function lookAtFacts(ports: Ports, memory: Memory, look: FactsLook): Promise<void> {
  const { cloud, clock } = ports;
  const held = memory.facts;
  const read = async <T>(question: Promise<Answer<T>>): Promise<Fact<T>> => {
    const answer = await question;
    return { value: answer.ok ? known(answer.value) : unknown(answer.reason), mono: clock.mono() };
  };
  const [aggregates, serverGroups, flavors, images] = await Promise.all([
    look.aggregates ? read(cloud.listAggregates()) : held.aggregates,
    look.serverGroups ? read(cloud.listServerGroups()) : held.serverGroups,
    look.flavors ? read(cloud.listFlavors()) : held.flavors,
    look.images === null ? held.images : read(cloud.findImages(look.images)),
  ]);
  memory.facts = {
    ...memory.facts,
    aggregates,
    serverGroups,
    flavors,
    images,
    imageQuery: look.images ?? held.imageQuery,
  };
}

/** Asks Neutron about what has arrived; the answer comes when it comes, and wakes the loop. */
export async function lookAtPorts({ cloud, clock }: Ports, host: HostMemory): Promise<void> {
  const arrived = [...host.servers.values()].filter((server) => server.host !== host.host && !server.deleted);
  const ids = arrived.map((server) => server.id).filter((id) => !host.ports.has(id));
  if (ids.length === 0) return;
  for (const id of ids) host.ports.set(id, unknown('being asked for'));
  const answer = await cloud.listPorts(ids);
  for (const id of ids) {
    host.ports.set(id, answer.ok ? known(answer.value.get(id) ?? []) : unknown(answer.reason));
  }
  clock.wake();
}
