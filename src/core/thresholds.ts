import type { Gate } from './decision.ts';
import type { Draft } from './draft.ts';
import { type HostName, hostFinder, type NodeName } from './names.ts';
import type { ClusterView, ServiceView } from './observation.ts';
import { isOurMarker } from './records.ts';

/** Hosts that have failed and are not accounted for yet: those with an incident, and those that Nova has down without anybody having disabled them. */
export function failedHosts(
  draft: Draft,
  cluster: ClusterView,
  services: readonly ServiceView[],
): ReadonlySet<HostName> {
  const hostOf = hostFinder(
    services.map((service) => service.host),
    draft.observation.domain,
  );
  const failed = new Set<HostName>();
  for (const node of cluster.nodes) {
    const { incident, evacuation } = node;
    if (
      incident === null &&
      (evacuation === null || evacuation === 'unreadable' || evacuation.phase === 'returning')
    )
      continue;
    const host = hostOf(node.name);
    if (host !== null) failed.add(host);
  }
  for (const service of services) {
    if (service.state === 'down' && service.status === 'enabled' && !service.forcedDown)
      failed.add(service.host);
  }
  return failed;
}

export interface Beginning {
  readonly node: NodeName;
  readonly host: HostName;
  readonly services: readonly ServiceView[];
  readonly failed: ReadonlySet<HostName>;
}

/** Too many failures at once are no case for automation: a person is called. What is under way is finished. */
export function thresholdGate(draft: Draft, { node, host, services, failed }: Beginning): Gate | null {
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
