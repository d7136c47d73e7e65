import type { Actor } from './facts.ts';
import { answer, fault, type HttpAnswer, type HttpRequest } from './http.ts';
import { type AggregateSpec, type World, zoneOf } from './model.ts';

/** Aggregates, server groups and flavors: what changes seldom. Null: the path is none of these. */
export function novaFactsApi(
  world: World,
  request: HttpRequest,
  path: string,
  minor: number,
): HttpAnswer | null {
  if (path === '/os-aggregates')
    return answer(200, { aggregates: world.nova.aggregates.map(aggregateRecord) });
  const [, id, action] = /^\/os-aggregates\/(\d+)(\/action)?$/.exec(path) ?? [];
  if (id !== undefined) return oneAggregate(world, request, Number(id), action !== undefined);
  if (path === '/os-server-groups') return listGroups(world, request, minor);
  if (path === '/flavors/detail') return listFlavors(world, minor);
  const flavor = /^\/flavors\/([^/]+)\/os-extra_specs$/.exec(path)?.[1];
  if (flavor === undefined) return null;
  const found = world.nova.flavors.find((each) => each.id === flavor);
  return found === undefined
    ? fault(404, `Flavor ${flavor} could not be found.`)
    : answer(200, { extra_specs: found.extraSpecs });
}

function aggregateRecord(aggregate: AggregateSpec): unknown {
  const { id, name, availabilityZone, hosts, metadata } = aggregate;
  return { id, name, availability_zone: availabilityZone, hosts, metadata };
}

/**
 * nova/api/openstack/compute/aggregates.py: 409 for a host that is in it already, 404 for one that is not; 409 too for
 * one that would then be in two zones (nova/compute/api.py is_safe_to_update_az).
 */
function oneAggregate(world: World, request: HttpRequest, id: number, isAction: boolean): HttpAnswer {
  const aggregate = world.nova.aggregates.find((each) => each.id === id);
  if (aggregate === undefined) return fault(404, `Aggregate ${id} could not be found.`);
  if (!isAction) return answer(200, { aggregate: aggregateRecord(aggregate) });
  const body = (request.body ?? {}) as Readonly<Record<string, { readonly host?: unknown } | undefined>>;
  const added = body.add_host?.host;
  const removed = body.remove_host?.host;
  const host = typeof added === 'string' ? added : removed;
  if (typeof host !== 'string') return fault(400, 'There is no such action');
  return moveHost(world, { id, host, into: added !== undefined, by: request.by });
}

interface Move {
  readonly id: number;
  readonly host: string;
  /** Or out of it. */
  readonly into: boolean;
  readonly by: Actor;
}

/** Puts a host into an aggregate, or takes it out, if Nova lets whoever asks. */
export function moveHost(world: World, { id, host, into, by }: Move): HttpAnswer {
  const { nova } = world;
  const index = nova.aggregates.findIndex((each) => each.id === id);
  const aggregate = nova.aggregates[index];
  if (aggregate === undefined) return fault(404, `Aggregate ${id} could not be found.`);
  if (aggregate.hosts.includes(host) === into)
    return into
      ? fault(409, `Aggregate ${id} already has host ${host}.`)
      : fault(404, `Cannot remove host ${host} in aggregate ${id}`);
  const zone = aggregate.availabilityZone;
  if (into && zone !== null) {
    const others = nova.aggregates.filter((each) => each.availabilityZone && each.hosts.includes(host));
    if (others.length > 0 && zoneOf(world, host) !== zone)
      return fault(
        409,
        `Cannot add host to aggregate ${id}. Reason: One or more hosts already in availability zone(s) [${zoneOf(world, host)}].`,
      );
  }
  const hosts = into ? [...aggregate.hosts, host] : aggregate.hosts.filter((each) => each !== host);
  const changed = { ...aggregate, hosts };
  nova.aggregates[index] = changed;
  const what = `${into ? 'put into' : 'taken out of'} aggregate ${aggregate.name}`;
  world.emit({ kind: 'service', host, what, by });
  return answer(200, { aggregate: aggregateRecord(changed) });
}

/** One `policy` from 2.64 on, before that `policies` (server_groups.py `_format_server_group`). */
function listGroups(world: World, request: HttpRequest, minor: number): HttpAnswer {
  const offset = Number(request.query.get('offset') ?? 0);
  const groups = world.spec.nova.groups.slice(offset).map(({ id, name, policy }) => {
    const members = [...world.nova.instances.values()]
      .filter((instance) => instance.spec.group === id && !instance.deleted)
      .map((instance) => instance.id);
    return { id, name, members, ...(minor >= 64 ? { policy, rules: {} } : { policies: [policy] }) };
  });
  return answer(200, { server_groups: groups });
}

function listFlavors(world: World, minor: number): HttpAnswer {
  const flavors = world.nova.flavors.map(({ id, name, extraSpecs }) => ({
    id,
    name,
    ...(minor >= 61 ? { extra_specs: extraSpecs } : {}),
  }));
  return answer(200, { flavors });
}
