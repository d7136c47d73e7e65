import * as v from 'valibot';
import type { CloudError } from './errors.ts';
import type { NovaChannel } from './nova-channel.ts';
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

const ExtraSpecsSchema = v.object({ extra_specs: v.record(v.string(), v.string()) });

/** What changes seldom in Nova: host aggregates, server groups, flavors. See {@link Nova} for what each promises. */
export interface NovaFacts {
  listAggregates(): Promise<Result<readonly Aggregate[]>>;
  addHostToAggregate(aggregateId: number, host: string): Promise<Result<Aggregate>>;
  removeHostFromAggregate(aggregateId: number, host: string): Promise<Result<Aggregate>>;
  listServerGroups(): Promise<Result<readonly ServerGroup[]>>;
  flavorExtraSpecs(flavorId: string): Promise<Result<Readonly<Record<string, string>> | null>>;
}

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

  async function flavorExtraSpecs(
    flavorId: string,
  ): Promise<Result<Readonly<Record<string, string>> | null>> {
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
    flavorExtraSpecs,
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
