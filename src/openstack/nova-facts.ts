import * as v from 'valibot';
import type { CloudError } from './errors.ts';
import { latest, type NovaChannel } from './nova-channel.ts';
import { LinksSchema, nextLink } from './nova-schemas.ts';
import { type Result, success } from './result.ts';
import type { ServiceRequest } from './session.ts';

/** No operator sets Nova's `[api] max_limit` lower than this: a shorter page of server groups is the last. */
const LEAST_MAX_LIMIT = 100;

/** nova/api/openstack/compute/aggregates.py `_marshall_aggregate`. */
const AggregateSchema = v.object({
  id: v.number(),
  name: v.string(),
  availability_zone: v.nullish(v.string(), null),
  hosts: v.array(v.string()),
  metadata: v.record(v.string(), v.string()),
});
const AggregateListSchema = v.object({ aggregates: v.array(AggregateSchema) });
const AggregateEnvelopeSchema = v.object({ aggregate: AggregateSchema });

export interface Aggregate {
  readonly id: number;
  readonly name: string;
  readonly availabilityZone: string | null;
  readonly hosts: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** One `policy` from 2.64 on, before that `policies`: server_groups.py `_format_server_group`. */
const ServerGroupSchema = v.object({
  id: v.string(),
  name: v.string(),
  policy: v.optional(v.nullable(v.string())),
  policies: v.optional(v.array(v.string()), []),
  members: v.array(v.string()),
});
const ServerGroupPageSchema = v.object({ server_groups: v.array(ServerGroupSchema) });

export interface ServerGroup {
  readonly id: string;
  readonly name: string;
  /** Nova's word; null for a group without one, which Nova before Ocata could have. */
  readonly policy: string | null;
  readonly members: readonly string[];
}

/** The extra specs stand in the list from 2.61 on, for those who may see them: flavors.py `_get_flavors`. */
const FlavorPageSchema = v.pipe(
  v.object({
    flavors: v.array(
      v.object({
        id: v.string(),
        name: v.string(),
        extra_specs: v.optional(v.record(v.string(), v.string())),
      }),
    ),
    flavors_links: LinksSchema,
  }),
  v.transform((body) => ({ items: body.flavors, next: nextLink(body.flavors_links) })),
);
const ExtraSpecsSchema = v.object({ extra_specs: v.record(v.string(), v.string()) });

export interface Flavor {
  readonly id: string;
  readonly name: string;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

/** Flavors whose extra specs are asked for side by side, where the list does not have them. */
const FLAVORS_AT_ONCE = 8;

/** What changes seldom in Nova: host aggregates, server groups, flavors. See {@link Nova} for what each promises. */
export interface NovaFacts {
  listAggregates(): Promise<Result<readonly Aggregate[]>>;
  addHostToAggregate(aggregateId: number, host: string): Promise<Result<Aggregate>>;
  removeHostFromAggregate(aggregateId: number, host: string): Promise<Result<Aggregate>>;
  listServerGroups(): Promise<Result<readonly ServerGroup[]>>;
  listFlavors(): Promise<Result<readonly Flavor[]>>;
}

/** Over a channel, without a state of its own: nothing is kept, every call asks Nova. */
export function createNovaFacts(channel: NovaChannel): NovaFacts {
  async function listAggregates(): Promise<Result<readonly Aggregate[]>> {
    const answer = await channel.ask({ method: 'GET', path: '/os-aggregates' }, AggregateListSchema);
    return answer.ok ? success(answer.value.body.aggregates.map(toAggregate)) : answer;
  }

  /** 409: it is in it already; 404: it is not in it. Which of the reasons for these it is shows in the aggregate. */
  async function changeHosts(
    action: 'add_host' | 'remove_host',
    aggregateId: number,
    host: string,
  ): Promise<Result<Aggregate>> {
    const path = `/os-aggregates/${aggregateId}`;
    const request: ServiceRequest = {
      method: 'POST',
      path: `${path}/action`,
      body: { [action]: { host } },
    };
    const answer = await channel.ask(request, AggregateEnvelopeSchema);
    if (answer.ok) return success(toAggregate(answer.value.body.aggregate));
    if (!mayBeSo(answer.error, action)) return answer;
    const seen = await channel.ask({ method: 'GET', path }, AggregateEnvelopeSchema);
    if (!seen.ok) return answer;
    const isThere = seen.value.body.aggregate.hosts.includes(host);
    return isThere === (action === 'add_host') ? success(toAggregate(seen.value.body.aggregate)) : answer;
  }

  async function listServerGroups(): Promise<Result<readonly ServerGroup[]>> {
    const groups = new Map<string, ServerGroup>();
    const request = (offset: number): ServiceRequest => ({
      method: 'GET',
      path: '/os-server-groups',
      query: { all_projects: 'true', limit: channel.pageLimit, offset },
    });
    let offset = 0;
    for (let page = 0; page < channel.maxPages; page += 1) {
      const answer = await channel.ask(request(offset), ServerGroupPageSchema);
      if (!answer.ok) return answer;
      const records = answer.value.body.server_groups;
      for (const record of records) groups.set(record.id, toServerGroup(record));
      // There is no link to the next page, and a page may be shorter than asked for: nova/api/openstack/common.py limited.
      if (records.length < Math.min(channel.pageLimit, LEAST_MAX_LIMIT)) return success([...groups.values()]);
      offset += records.length;
    }
    return channel.bad(request(offset), `the listing has more than ${channel.maxPages} pages`);
  }

  async function listFlavors(): Promise<Result<readonly Flavor[]>> {
    const request: ServiceRequest = { method: 'GET', path: '/flavors/detail', query: { is_public: 'None' } };
    const listed = await channel.readPages(request, FlavorPageSchema);
    if (!listed.ok) return listed;
    const queue = latest(listed.value.items, (record) => record.id);
    const flavors: Flavor[] = [];
    let trouble: Result<never> | null = null;
    const workers = Array.from({ length: FLAVORS_AT_ONCE }, async () => {
      for (let next = queue.shift(); next !== undefined && trouble === null; next = queue.shift()) {
        const { id, name, extra_specs } = next;
        const specs = extra_specs === undefined ? await extraSpecs(id) : success(extra_specs);
        if (!specs.ok) trouble = specs;
        else if (specs.value !== null) flavors.push({ id, name, extraSpecs: specs.value });
      }
    });
    await Promise.all(workers);
    return trouble ?? success(flavors);
  }

  /** Null: it was deleted since it was listed. */
  async function extraSpecs(flavorId: string): Promise<Result<Readonly<Record<string, string>> | null>> {
    const path = `/flavors/${encodeURIComponent(flavorId)}/os-extra_specs`;
    const answer = await channel.ask({ method: 'GET', path }, ExtraSpecsSchema);
    if (answer.ok) return success(answer.value.body.extra_specs);
    const missing = answer.error.code === 'http' && answer.error.status === 404;
    return missing ? success(null) : answer;
  }

  return {
    listAggregates,
    addHostToAggregate: (aggregateId, host) => changeHosts('add_host', aggregateId, host),
    removeHostFromAggregate: (aggregateId, host) => changeHosts('remove_host', aggregateId, host),
    listServerGroups,
    listFlavors,
  };
}

function mayBeSo(error: CloudError, action: 'add_host' | 'remove_host'): boolean {
  return error.code === 'http' && error.status === (action === 'add_host' ? 409 : 404);
}

function toAggregate(record: v.InferOutput<typeof AggregateSchema>): Aggregate {
  const { id, name, hosts, metadata } = record;
  return { id, name, availabilityZone: record.availability_zone, hosts, metadata };
}

function toServerGroup(record: v.InferOutput<typeof ServerGroupSchema>): ServerGroup {
  const { id, name, members } = record;
  return { id, name, policy: record.policy ?? record.policies[0] ?? null, members };
}
