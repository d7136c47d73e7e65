/** Events → lines that somebody understands who has never seen it. Keeps what it has said already; no output of its own. */
import {
  type DrillEvent,
  type FrontEvent,
  isEvacuateRequest,
  isLive,
  type MigrationEvent,
  serverOfPath,
} from './events.ts';
import { NOVA_EVACUATE } from './facts.ts';
import type { Plan } from './timeline.ts';

export interface Narrator {
  /** The lines for an event, without their time; mostly none. */
  tell(event: DrillEvent): string[];
  /** How many of the moving instances have arrived. */
  arrived(): number;
}

/** Up to so many instances, each arrival is told; of more, each tenth part. */
const TELL_EACH_UP_TO = 16;
const PARTS = 10;

const NOVA_COMPUTE = 'nova-compute';

export interface NarratorOptions {
  readonly plan: Plan;
  /** Server id → name. */
  readonly names: ReadonlyMap<string, string>;
  /** IPv4 address → node. */
  readonly addresses: ReadonlyMap<string, string>;
}

export function createNarrator(options: NarratorOptions): Narrator {
  const { plan, names, addresses } = options;
  const wanted = new Map(plan.moving.map((mover) => [mover.id, mover]));
  const fails = (node: string): boolean => plan.victims.includes(node);
  const total = wanted.size;
  const there = new Set<string>();
  const said = new Set<string>();
  const statuses = new Map<number, string>();
  let requests = 0;
  const lost = new Set<string>();
  let heldReason = '';

  const once = (line: string, key = line): string[] => {
    if (said.has(key)) return [];
    said.add(key);
    return [line];
  };
  const nameOf = (server: string): string => names.get(server) ?? server;

  const tellBmc = (node: string, action: string, text: string): string[] => {
    if (action === 'off') return [`BMC: power off of ${node} confirmed`];
    if (action === 'on') return [`BMC: ${node} powered on`];
    return action === 'other' ? [`BMC: ${node}: ${text}`] : [];
  };

  const tellAttribute = (node: string, name: string, value: string | null): string[] => {
    switch (name) {
      case 'evacuate':
        if (value === 'yes') return [`mark evacuate=yes set for ${node} by fence-nova`];
        if (value === null)
          return once(
            `the mark of ${node} is gone: Pacemaker forgets it when a node leaves or returns`,
            `mark-gone ${node}`,
          );
        return [`mark of ${node}: evacuate=${value}`];
      case 'instance-ha-incident':
        if (value === null) return [`hold of ${node} released: its incident is settled`];
        return once(`durable incident of ${node} recorded: it holds nova-compute`, `incident ${node}`);
      case 'instance-ha-evacuation':
        if (value === null) return [`the evacuator has closed its record of ${node}`];
        return once(`the evacuator has taken up ${node}`, `evacuation ${node}`);
      case 'instance-ha-hold':
        return value === null ? [] : [`${node} asks to be let go`];
      case 'instance-ha-release': {
        if (value === null) return [];
        if (value.startsWith('released')) return [`${node} may start: released`];
        const reason = value.split(' ').slice(2).join(' ');
        if (reason === heldReason) return [];
        heldReason = reason;
        return [`${node} is held: ${reason}`];
      }
      default:
        return [];
    }
  };

  const tellService = (host: string, fact: string, value: boolean, reason: string | null): string[] => {
    switch (fact) {
      case 'forcedDown':
        return [value ? `${host} forced down in Nova` : `forced_down of ${host} cleared`];
      case 'enabled':
        return [value ? `${host} enabled` : `${host} disabled: ${reason ?? 'no reason'}`];
      case 'beats':
        return [
          value ? `nova-compute on ${host} reports to Nova` : `nova-compute on ${host} no longer reports`,
        ];
      case 'schedulable':
        return fails(host) && value ? [`${host} gets new instances again`] : [];
      default:
        return [];
    }
  };

  const tellServer = (
    server: string,
    host: string | null,
    vmState: string,
    taskState: string | null,
  ): string[] => {
    const mover = wanted.get(server);
    if (mover === undefined || there.has(server)) return [];
    if (host === null || host === mover.from || vmState !== mover.expected || taskState !== null) return [];
    there.add(server);
    const count = there.size;
    const step = total <= TELL_EACH_UP_TO ? 1 : Math.ceil(total / PARTS);
    return count % step === 0 || count === total ? [`${count} of ${total} instances run elsewhere`] : [];
  };

  const tellCluster = (subject: string, name: string, value: string, was: string | null): string[] => {
    if (subject === 'node') {
      if (fails(name) && value === 'online') return [`${name} is back in the cluster`];
      if (value === 'online') return [`${name} is online`];
      if (fails(name) && !lost.has(name)) {
        lost.add(name);
        return [`Pacemaker has lost ${name} (${value})`];
      }
      return fails(name) ? [] : [`Pacemaker: ${name} is ${value}`];
    }
    if (name === NOVA_EVACUATE) return [`nova-evacuate: ${was ?? '?'} → ${value}`];
    return [];
  };

  const tellAlert = (event: DrillEvent & { readonly kind: 'alert' }): string[] => {
    if (event.alert === 'node' && fails(event.node) && event.text === 'lost' && !lost.has(event.node)) {
      lost.add(event.node);
      return [`Pacemaker has lost ${event.node}`];
    }
    const unreached = event.alert === 'resource' && event.task === 'monitor' && event.rc !== '0';
    if (unreached && fails(event.resource) && !lost.has(event.resource)) {
      lost.add(event.resource);
      return [`Pacemaker no longer reaches ${event.resource} and has it fenced`];
    }
    if (event.alert === 'fencing') return [`fencing: ${event.text}`];
    if (
      event.alert === 'resource' &&
      fails(event.node) &&
      event.task === 'start' &&
      event.resource.startsWith(NOVA_COMPUTE)
    ) {
      return event.rc === '0' ? [] : [`${event.resource} did not start on ${event.node}: ${event.text}`];
    }
    return [];
  };

  const tellMigration = (event: MigrationEvent): string[] => {
    statuses.set(event.id, event.status);
    if (event.status === 'error' || event.status === 'failed') {
      return [`evacuation of ${nameOf(event.server)} failed (record ${event.id}: ${event.status})`];
    }
    const open = [...statuses.values()].some((status) => status === 'done' || isLive(status));
    if (event.status !== 'completed' || open) return [];
    return once(
      `nova-compute on ${event.source} has completed its ${statuses.size} evacuation records`,
      'completed',
    );
  };

  const tellFront = ({ what, path, client }: FrontEvent): string[] => {
    const by = addresses.get(client) ?? client;
    switch (what) {
      case 'ready':
      case 'told':
        return [];
      case 'lost':
        return [
          `FAULT: Nova takes the request to evacuate ${nameOf(serverOfPath(path) ?? '?')}, and the answer is lost`,
        ];
      case 'closed':
        return ['FAULT: nova-api answers 503 from now on'];
      case 'refused':
        return once(`${by} is answered 503`);
      case 'open':
        return ['nova-api answers again'];
      case 'spoilt':
        return ['FAULT: the evacuator’s token is no longer valid'];
      case 'unauthorized':
        return once(`${by} is answered 401`);
      default:
        return what satisfies never;
    }
  };

  const tell = (event: DrillEvent): string[] => {
    switch (event.kind) {
      case 'fault':
        return [event.text];
      case 'bmc':
        return tellBmc(event.node, event.action, event.text);
      case 'node':
        if (event.what === 'EXEC') return [`nova-compute started on ${event.node}`];
        return event.what === 'BOOT' ? [`${event.node} booted`] : [];
      case 'guest':
        return event.what === 'DUAL'
          ? [`!! ${nameOf(event.server)} runs on two hosts: ${event.host}, ${event.text}`]
          : [];
      case 'request': {
        if (!isEvacuateRequest(event, plan.controllers)) return [];
        requests += 1;
        const by = addresses.get(event.client) ?? event.client;
        const server = nameOf(serverOfPath(event.path) ?? '?');
        if (event.status >= 300) return [`Nova refused to evacuate ${server}: ${event.status}`];
        return requests === 1 ? [`first evacuate request, by ${by}`] : [];
      }
      case 'alert':
        return tellAlert(event);
      case 'attribute':
        return tellAttribute(event.node, event.name, event.value);
      case 'service':
        return tellService(event.host, event.fact, event.value, event.reason);
      case 'server':
        return tellServer(event.server, event.host, event.vmState, event.taskState);
      case 'migration':
        return tellMigration(event);
      case 'cluster':
        return tellCluster(event.subject, event.name, event.value, event.was);
      case 'front':
        return tellFront(event);
      default:
        return event satisfies never;
    }
  };
  return { tell, arrived: () => there.size };
}
