import type { Gate } from './decision.ts';
import { isReserved } from './destinations.ts';
import { type Draft, isBeingWritten, lookAtServices } from './draft.ts';
import { novaNowOf } from './looks.ts';
import type { HostName, NodeName } from './names.ts';
import type { ClusterView, ControlServiceView, ServiceView, Stored } from './observation.ts';
import { PAUSE_ATTRIBUTE, PAUSE_PROPERTY, type PauseRecord } from './records.ts';
import { failedHosts, thresholdGate } from './thresholds.ts';

/** What is allowed in this step. */
export interface Gates {
  /** Nothing is told to Nova on behalf of any dead host while this is closed; null: open. */
  readonly cloud: Gate | null;
  /** Whether the evacuation of a host may begin; null: it may, and counts as begun. Never asked for one that is under way. */
  admit(node: NodeName, host: HostName): Gate | null;
}

/** The gates as the observation has them. A pause is named whether or not anything is there to hold up. */
export function gates(draft: Draft, cluster: ClusterView): Gates {
  const { now } = draft.observation;
  const paused = pauseGate(cluster.pause, now, null);
  if (paused !== null) close(draft, paused);
  const pausedNodes = new Map<NodeName, Gate>();
  for (const { name, pause } of cluster.nodes) {
    const gate = pauseGate(pause, now, name);
    if (gate === null) continue;
    pausedNodes.set(name, gate);
    close(draft, gate);
  }
  const isBusy = cluster.nodes.some(({ incident }) => incident !== null);
  // Nobody asks to be let in, and nothing is held up.
  if (!isBusy) return { cloud: null, admit: () => null };
  const services = draft.observation.services.known ? draft.observation.services.value : [];
  const failed = failedHosts(draft, cluster, services);
  const cloud = services.length > 0 ? cloudGate(draft, services, failed) : null;
  if (cloud !== null) {
    close(draft, cloud);
    lookAtServices(draft, draft.policy.timing.returnSlowMs);
  }
  let begun: Set<NodeName> | null = null;
  return {
    cloud,
    admit(node, host) {
      const pause = paused ?? pausedNodes.get(node) ?? null;
      if (pause !== null) return { ...pause, node };
      begun ??= begunInInterval(draft, cluster);
      const gate =
        cloud ?? thresholdGate(draft, { node, host, services, failed }) ?? startsGate(draft, node, begun);
      if (gate !== null) {
        if (gate !== cloud) close(draft, gate);
        return gate;
      }
      begun.add(node);
      return null;
    },
  };
}

function close(draft: Draft, gate: Gate): void {
  draft.gates.push(gate);
}

/** A pause of a node, or of everything (null). */
function pauseGate(pause: Stored<PauseRecord>, now: number, node: NodeName | null): Gate | null {
  if (pause === null) return null;
  const begins = node === null ? 'no new evacuation begins' : `no evacuation of ${node} begins`;
  if (pause === 'unreadable') {
    const [what, where] =
      node === null
        ? ['cluster property', `--type crm_config --name ${PAUSE_PROPERTY}`]
        : ['node attribute', `--node ${node} --name ${PAUSE_ATTRIBUTE}`];
    return {
      id: 'paused',
      text: `the ${what} ${PAUSE_PROPERTY} can’t be read, so ${begins}`,
      opens: `it is deleted: crm_attribute ${where} --delete`,
      node,
    };
  }
  if (pause.until <= now) return null;
  const until = `${new Date(pause.until).toISOString().slice(0, 19)}Z`;
  return {
    id: 'paused',
    text: `paused by ${pause.by || 'somebody'} (${pause.why || 'no reason given'}): ${begins}`,
    opens: `the pause ends at ${until}, or is taken back`,
    node,
  };
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
  const judged = services.filter((service) => !service.forcedDown);
  if (judged.length > 0 && judged.every((service) => service.state === 'down')) {
    return {
      id: 'blind',
      text: `Nova says that all ${judged.length} compute services are down: rather it does not hear them`,
      opens: 'one of them is up again (see RabbitMQ, the database, and the controllers’ clocks)',
      node: null,
    };
  }
  // What we have forced down has been changed by that, and not by a report.
  const newest = Math.max(...judged.map((service) => service.updatedAt ?? Number.NEGATIVE_INFINITY));
  const { staleReportsMs } = policy.gates;
  if (staleReportsMs === 0 || !Number.isFinite(newest) || observation.novaNow - newest <= staleReportsMs)
    return null;
  return {
    id: 'blind',
    text: `no compute service has reported to Nova for ${Math.floor((observation.novaNow - newest) / 60_000)} min: what it says of them is old`,
    opens: 'one of them reports again (see RabbitMQ, the conductor, and the controllers’ clocks)',
    node: null,
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

/** Nodes whose evacuation has begun lately, by their records and by those that are being written just now. */
function begunInInterval({ observation, policy }: Draft, cluster: ClusterView): Set<NodeName> {
  const from = novaNowOf(observation) - policy.gates.startIntervalMs;
  const begun = cluster.nodes.filter(({ name, evacuation }) => {
    if (evacuation !== null && evacuation !== 'unreadable' && evacuation.begunAt >= from) return true;
    return isBeingWritten(observation, name);
  });
  return new Set(begun.map(({ name }) => name));
}

function startsGate(
  { observation, policy }: Draft,
  node: NodeName,
  begun: ReadonlySet<NodeName>,
): Gate | null {
  const { startsPerInterval, startIntervalMs } = policy.gates;
  const starts = begun.size - (isBeingWritten(observation, node) ? 1 : 0);
  if (startsPerInterval === 0 || starts < startsPerInterval) return null;
  return {
    id: 'starts-per-interval',
    text: `${starts} evacuations of hosts have begun within ${startIntervalMs / 1000} s, as many as the policy allows`,
    opens: 'the first of them is older than that',
    node,
  };
}
