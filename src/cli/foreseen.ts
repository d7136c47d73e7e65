import { createCloudPort } from '../agents/evacuator/cloud-port.ts';
import { overridesOf, policyFileOf } from '../agents/nova-evacuate.ts';
import { foreseeReserves } from '../core/destinations.ts';
import { parseTimeMs } from '../core/duration.ts';
import { imagesToFind } from '../core/facts.ts';
import { type Doomed, type Foreseen, foresee } from '../core/foresee.ts';
import { type HostName, hostName, nodeName, type ServerId } from '../core/names.ts';
import { type CloudFacts, type Fact, known, type Maybe, unknown } from '../core/observation.ts';
import { DEFAULT_POLICY, type Policy } from '../core/policy.ts';
import { type ConfigurationFacts, evacuatorOf } from '../doctor/facts.ts';
import { findBrokenMoves, listMovesAway } from '../evacuator/broken-moves.ts';
import type { Answer, CloudPort } from '../evacuator/ports.ts';
import { createGlance } from '../openstack/glance.ts';
import { createNeutron } from '../openstack/neutron.ts';
import { createNova } from '../openstack/nova.ts';
import { createPlacement } from '../openstack/placement.ts';
import type { Session } from '../openstack/session.ts';
import { parseBoolean } from '../pacemaker/xml.ts';
import { loadPolicy } from '../policy/file.ts';

/** What the rules would do with the instances of hosts, and the policy by which. */
export interface Foresight {
  readonly doomed: readonly Doomed[];
  readonly foreseen: ReadonlyMap<ServerId, Foreseen>;
  readonly policy: Policy;
  /** Reserved hosts that would be enabled for them. */
  readonly reserves: readonly HostName[];
}

/** Which reserved hosts would be enabled if hosts died; none where the policy keeps none. */
export type Reserves = (lost: readonly HostName[]) => readonly HostName[];

export interface DoomedHost {
  readonly node: string;
  readonly host: string;
}

/** Reads what the evacuator would read, by the same port and with the same policy, and asks the same rules. */
export async function foreseeHosts(
  session: Session,
  configuration: ConfigurationFacts,
  hosts: readonly DoomedHost[],
  now: () => number,
): Promise<Maybe<Foresight>> {
  const read = await readPolicy(configuration);
  if (!read.known) return read;
  const policy = read.value;
  const cloud = portOf(session, now);
  const facts = await readFacts(cloud, policy);
  const doomed: Doomed[] = [];
  for (const { node, host: name } of hosts) {
    const host = hostName(name);
    const listed = await cloud.listServersOn(host);
    if (!listed.ok) return unknown(listed.reason);
    if (listed.value.partial) return unknown('a cell of Nova does not answer, so its list is not complete');
    const there = listed.value.items.filter(({ deleted }) => !deleted);
    const broken = await findBrokenMoves(cloud, host, await listMovesAway(cloud, host, now()), there);
    if (!broken.ok) return unknown(broken.reason);
    for (const each of there) {
      const server = { ...each, taskSince: 0 };
      doomed.push({ server, node: nodeName(node), host, brokenMove: broken.value.get(each.id)?.[0] ?? null });
    }
  }
  const reservesOf = await readReserves(cloud, policy, facts.aggregates);
  if (!reservesOf.known) return reservesOf;
  const reserves = reservesOf.value(hosts.map(({ host }) => hostName(host)));
  return known({ doomed, policy, reserves, foreseen: foresee(doomed, facts, policy) });
}

/** The reserved hosts of the cloud, by the policy that is in force. */
export async function foreseenReserves(
  session: Session,
  configuration: ConfigurationFacts,
  now: () => number,
): Promise<Maybe<Reserves>> {
  const policy = await readPolicy(configuration);
  if (!policy.known) return policy;
  const cloud = portOf(session, now);
  const isAsked = policy.value.destinations.reservedHosts;
  const aggregates = isAsked ? await cloud.listAggregates().then(factOf) : NOT_ASKED;
  return readReserves(cloud, policy.value, aggregates);
}

const NOT_ASKED: CloudFacts['aggregates'] = { value: unknown('not needed'), mono: 0 };

async function readReserves(
  cloud: CloudPort,
  policy: Policy,
  { value: aggregates }: CloudFacts['aggregates'],
): Promise<Maybe<Reserves>> {
  if (!policy.destinations.reservedHosts) return known(() => []);
  if (!aggregates.known) return unknown(`the aggregates can't be listed: ${aggregates.reason}`);
  const services = await cloud.listServices();
  if (!services.ok) return unknown(services.reason);
  return known((lost) => foreseeReserves(lost, services.value.items, aggregates.value));
}

/** The policy that the evacuator has: its file, and what its parameters say instead. */
async function readPolicy(configuration: ConfigurationFacts): Promise<Maybe<Policy>> {
  const parameters = evacuatorOf(configuration)?.parameters ?? new Map<string, string>();
  const context = {
    text: (name: string) => parameters.get(name) ?? null,
    boolean: (name: string) => parseBoolean(parameters.get(name) ?? null),
    milliseconds: (name: string) => parseTimeMs(parameters.get(name) ?? ''),
  };
  const loaded = await loadPolicy(policyFileOf(context), overridesOf(context));
  return loaded.ok ? known({ ...DEFAULT_POLICY, ...loaded.value }) : unknown(loaded.error);
}

function portOf(session: Session, now: () => number): CloudPort {
  const clients = {
    nova: createNova(session),
    placement: createPlacement(session),
    glance: createGlance(session),
    neutron: createNeutron(session),
  };
  return createCloudPort(clients, now);
}

async function readFacts(cloud: CloudPort, policy: Policy): Promise<CloudFacts> {
  const query = imagesToFind(policy);
  const [aggregates, serverGroups, flavors, images] = await Promise.all([
    cloud.listAggregates().then(factOf),
    cloud.listServerGroups().then(factOf),
    cloud.listFlavors().then(factOf),
    query === null ? factOf({ ok: true, value: [] }) : cloud.findImages(query).then(factOf),
  ]);
  const notNeeded = unknown('not needed for a forecast');
  return {
    aggregates,
    serverGroups,
    flavors,
    images,
    imageQuery: query,
    controlServices: notNeeded,
    microversion: notNeeded,
  };
}

function factOf<T>(answer: Answer<T>): Fact<T> {
  return { value: answer.ok ? known(answer.value) : unknown(answer.reason), mono: 0 };
}
