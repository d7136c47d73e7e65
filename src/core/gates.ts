import type { Gate } from './decision.ts';
import { isReserved } from './destinations.ts';
import { type Draft, lookAtServices } from './draft.ts';
import { type HostName, hostOfNode, type NodeName } from './names.ts';
import type { ClusterView, ControlServiceView, ServiceView } from './observation.ts';
import { isOurMarker } from './records.ts';

/** What is allowed in this step. */
export interface Gates {
  /** Nothing is told to Nova on behalf of any dead host while this is closed; null: open. */
  readonly cloud: Gate | null;
  /** Whether the evacuation of a host may begin; null: it may, and counts as begun. Never asked for one that is under way. */
  admit(node: NodeName, host: HostName): Gate | null;
}

/** The gates as the observation has them. The pause is named whether or not anything is there to hold up. */
export function gates(draft: Draft, cluster: ClusterView): Gates {
  const services = draft.observation.services.known ? draft.observation.services.value : [];
  const failed = failedHosts(draft, cluster, services);
  const paused = pauseGate(cluster, draft.observation.now);
  if (paused !== null) close(draft, paused);
  const isBusy = cluster.nodes.some(({ incident }) => incident !== null);
  const cloud = isBusy && services.length > 0 ? cloudGate(draft, services, failed) : null;
  if (cloud !== null) {
    close(draft, cloud);
    lookAtServices(draft, draft.policy.timing.returnSlowMs);
  }
  let starts = startsInInterval(draft, cluster);
  return {
    cloud,
    admit(node, host) {
      if (paused !== null) return { ...paused, node };
      const gate =
        cloud ?? thresholdGate(draft, { node, host, services, failed }) ?? startsGate(draft, node, starts);
      if (gate !== null) {
        if (gate !== cloud) close(draft, gate);
        return gate;
      }
      starts++;
      return null;
    },
  };
}

function close(draft: Draft, gate: Gate): void {
  draft.gates.push(gate);
}

function pauseGate({ pause }: ClusterView, now: number): Gate | null {
  if (pause === null) return null;
  const common = { id: 'paused', node: null } as const;
  if (pause === 'unreadable') {
    return {
      ...common,
      text: 'the cluster property instance-ha-pause can’t be read, so no new evacuation begins',
      opens: 'it is deleted: crm_attribute --type crm_config --name instance-ha-pause --delete',
    };
  }
  if (pause.until <= now) return null;
  const until = new Date(pause.until).toISOString();
  return {
    ...common,
    text: `paused by ${pause.by || 'somebody'} (${pause.why || 'no reason given'}): no new evacuation begins`,
    opens: `the pause ends at ${until}, or is taken back`,
  };
}

/** Hosts that have failed and are not accounted for yet: those with an incident, and those that Nova has down without anybody having disabled them. */
function failedHosts(
  draft: Draft,
  cluster: ClusterView,
  services: readonly ServiceView[],
): ReadonlySet<HostName> {
  const names = services.map((service) => service.host);
  const failed = new Set<HostName>();
  for (const node of cluster.nodes) {
    const { incident, evacuation } = node;
    if (
      incident === null &&
      (evacuation === null || evacuation === 'unreadable' || evacuation.phase === 'returning')
    )
      continue;
    const host = hostOfNode(node.name, names, draft.observation.domain);
    if (host !== null) failed.add(host);
  }
  for (const service of services) {
    if (service.state === 'down' && service.status === 'enabled' && !service.forcedDown)
      failed.add(service.host);
  }
  return failed;
}

/** What Nova itself needs to evacuate anything; when everything looks dead it is rather we who don't see. */
function cloudGate(
  draft: Draft,
  services: readonly ServiceView[],
  failed: ReadonlySet<HostName>,
): Gate | null {
  return (
    blindGate(draft, services) ??
    controlGate(draft, 'nova-scheduler') ??
    controlGate(draft, 'nova-conductor') ??
    destinationGate(draft, services, failed)
  );
}

function blindGate({ observation, policy }: Draft, services: readonly ServiceView[]): Gate | null {
  const common = { id: 'blind', node: null } as const;
  const judged = services.filter((service) => !service.forcedDown);
  if (judged.length > 0 && judged.every((service) => service.state === 'down')) {
    return {
      ...common,
      text: `Nova says that all ${judged.length} compute services are down: rather it does not hear them`,
      opens: 'one of them is up again (see RabbitMQ, the database, and the controllers’ clocks)',
    };
  }
  const newest = Math.max(...services.map((service) => service.updatedAt ?? Number.NEGATIVE_INFINITY));
  const { staleReportsMs } = policy.gates;
  if (staleReportsMs === 0 || !Number.isFinite(newest) || observation.novaNow - newest <= staleReportsMs)
    return null;
  return {
    ...common,
    text: `no compute service has reported to Nova for ${Math.floor((observation.novaNow - newest) / 60_000)} min: what it says of them is old`,
    opens: 'one of them reports again (see RabbitMQ, the conductor, and the controllers’ clocks)',
  };
}

function controlGate({ observation }: Draft, binary: ControlServiceView['binary']): Gate | null {
  const { controlServices } = observation.facts;
  if (!controlServices.known) return null;
  const its = controlServices.value.filter((service) => service.binary === binary);
  // One of a cell that does not answer is unknown, and unknown is not down.
  if (its.some((service) => service.state !== 'down' && !service.forcedDown)) return null;
  return {
    id: binary === 'nova-scheduler' ? 'no-scheduler' : 'no-conductor',
    text:
      its.length === 0
        ? `Nova names no ${binary}`
        : `no ${binary} is up (${its.map(({ host }) => host).join(', ')})`,
    opens: `a ${binary} is up again`,
    node: null,
  };
}

function destinationGate(
  { policy }: Draft,
  services: readonly ServiceView[],
  failed: ReadonlySet<HostName>,
): Gate | null {
  const isThere = services.some(
    (service) =>
      service.state === 'up' &&
      !service.forcedDown &&
      !failed.has(service.host) &&
      (service.status === 'enabled' || (policy.destinations.reservedHosts && isReserved(service))),
  );
  if (isThere) return null;
  return {
    id: 'no-destination',
    text: 'no other compute host is enabled and up, so there is nowhere to go',
    opens: 'one is up and enabled',
    node: null,
  };
}

interface Candidate {
  readonly node: NodeName;
  readonly host: HostName;
  readonly services: readonly ServiceView[];
  readonly failed: ReadonlySet<HostName>;
}

/** Too many failures at once are no case for automation: a person is called. What is under way is finished. */
function thresholdGate(draft: Draft, { node, host, services, failed }: Candidate): Gate | null {
  const { gates } = draft.policy;
  const inAll = exceeds(services, failed, {
    hosts: gates.maxFailedHosts,
    percent: gates.maxFailedPercent,
    shareFromHosts: gates.shareFromHosts,
  });
  if (inAll !== null) return threshold(node, `of all compute hosts ${inAll}`);
  if (gates.maxFailedHostsPerAggregate === 0 && gates.maxFailedPercentPerAggregate === 0) return null;
  const aggregates = draft.observation.facts.aggregates.value;
  if (!aggregates.known) return threshold(node, `the aggregates can’t be listed: ${aggregates.reason}`);
  for (const aggregate of aggregates.value) {
    if (!aggregate.hosts.includes(host)) continue;
    const its = services.filter((service) => aggregate.hosts.includes(service.host));
    const found = exceeds(its, failed, {
      hosts: gates.maxFailedHostsPerAggregate,
      percent: gates.maxFailedPercentPerAggregate,
      shareFromHosts: gates.shareFromHosts,
    });
    if (found !== null) return threshold(node, `in the aggregate ${aggregate.name} ${found}`);
  }
  return null;
}

interface Limit {
  readonly hosts: number;
  readonly percent: number;
  readonly shareFromHosts: number;
}

/** What is exceeded, in words; null: nothing. Hosts that an operator has disabled take no part. */
function exceeds(
  services: readonly ServiceView[],
  failed: ReadonlySet<HostName>,
  limit: Limit,
): string | null {
  const counted = services.filter(
    (service) =>
      service.status === 'enabled' || isOurMarker(service.disabledReason) || failed.has(service.host),
  );
  const down = counted.filter((service) => failed.has(service.host)).length;
  if (limit.hosts > 0 && down > limit.hosts) return `${down} have failed, more than ${limit.hosts}`;
  const isShareCounted = limit.percent > 0 && counted.length >= limit.shareFromHosts;
  if (isShareCounted && down * 100 > limit.percent * counted.length) {
    return `${down} of ${counted.length} have failed, more than ${limit.percent} %`;
  }
  return null;
}

function threshold(node: NodeName, text: string): Gate {
  return {
    id: 'failed-hosts',
    text: `too many failures at once for an automaton: ${text}`,
    opens: 'enough of them are back or evacuated, or the limit in the policy is raised',
    node,
  };
}

/** Evacuations that began lately, by their records. */
function startsInInterval({ observation, policy }: Draft, cluster: ClusterView): number {
  const from = observation.novaNow - policy.gates.startIntervalMs;
  return cluster.nodes.filter(
    ({ evacuation }) => evacuation !== null && evacuation !== 'unreadable' && evacuation.since >= from,
  ).length;
}

function startsGate({ policy }: Draft, node: NodeName, starts: number): Gate | null {
  const { startsPerInterval, startIntervalMs } = policy.gates;
  if (startsPerInterval === 0 || starts < startsPerInterval) return null;
  return {
    id: 'starts-per-interval',
    text: `${starts} evacuations of hosts have begun within ${startIntervalMs / 1000} s, as many as the policy allows`,
    opens: 'the first of them is older than that',
    node,
  };
}
