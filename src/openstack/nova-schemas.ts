import * as v from 'valibot';
import { TimestampSchema } from './time.ts';

const Version = v.pipe(v.string(), v.regex(/^(\d+\.\d+)?$/));

/** `GET /v2.1/`: nova/api/openstack/compute/views/versions.py build_version. API v2.0 has empty versions. */
export const VersionDocumentSchema = v.object({
  version: v.object({ version: Version, min_version: Version }),
});

/**
 * A record of a down cell has binary, host and status UNKNOWN alone: services.py `_get_service_detail`. The id is
 * a UUID from 2.53 on and a number before; forced_down is there from 2.11 on.
 */
const ServiceSchema = v.union([
  v.object({
    id: v.union([v.string(), v.number()]),
    binary: v.string(),
    host: v.string(),
    status: v.picklist(['enabled', 'disabled']),
    state: v.picklist(['up', 'down']),
    zone: v.nullish(v.string(), null),
    updated_at: v.nullable(TimestampSchema),
    disabled_reason: v.nullable(v.string()),
    forced_down: v.nullish(v.boolean(), null),
  }),
  v.object({ binary: v.string(), host: v.string(), status: v.literal('UNKNOWN') }),
]);

export const ServiceListSchema = v.object({ services: v.array(ServiceSchema) });
export const ServiceEnvelopeSchema = v.object({ service: ServiceSchema });

/** `os-services`; `id` is null and the rest unknown where the service's cell is down. */
export interface ComputeService {
  /** What `updateService` knows it by: its UUID, or BINARY@HOST below 2.53, where a change names these. */
  readonly id: string | null;
  readonly host: string;
  readonly binary: string;
  readonly state: 'up' | 'down' | 'unknown';
  readonly status: 'enabled' | 'disabled' | 'unknown';
  readonly disabledReason: string | null;
  /** Null below 2.11, where there is no such thing. */
  readonly forcedDown: boolean | null;
  /** Epoch ms of the last change of the record: heartbeats, but an operator's PUT as well. */
  readonly updatedAt: number | null;
  readonly zone: string | null;
}

/** A record of a down cell becomes a service without an id, of `unknown` state and status; what else stands in it says nothing then. */
export function toService(record: v.InferOutput<typeof ServiceSchema>): ComputeService {
  const { host, binary } = record;
  if (record.status === 'UNKNOWN') {
    return {
      id: null,
      host,
      binary,
      state: 'unknown',
      status: 'unknown',
      disabledReason: null,
      forcedDown: false,
      updatedAt: null,
      zone: null,
    };
  }
  return {
    id: typeof record.id === 'number' ? `${binary}@${host}` : record.id,
    host,
    binary,
    state: record.state,
    status: record.status,
    disabledReason: record.disabled_reason,
    forcedDown: record.forced_down,
    updatedAt: record.updated_at,
    zone: record.zone,
  };
}

const AddressSchema = v.object({
  addr: v.string(),
  'OS-EXT-IPS:type': v.optional(v.picklist(['fixed', 'floating']), 'fixed'),
});

/** nova/api/openstack/compute/views/servers.py show; a record of a down cell has id, status and little more. */
const ServerSchema = v.object({
  id: v.string(),
  name: v.optional(v.nullable(v.string())),
  status: v.string(),
  'OS-EXT-SRV-ATTR:host': v.optional(v.nullable(v.string())),
  'OS-EXT-SRV-ATTR:hypervisor_hostname': v.nullish(v.string(), null),
  'OS-EXT-STS:vm_state': v.optional(v.nullable(v.string())),
  'OS-EXT-STS:task_state': v.nullish(v.string(), null),
  'OS-EXT-STS:power_state': v.nullish(v.number(), null),
  'OS-EXT-AZ:availability_zone': v.nullish(v.string(), null),
  locked: v.nullish(v.boolean(), null),
  tags: v.nullish(v.array(v.string()), null),
  flavor: v.optional(
    v.object({
      original_name: v.optional(v.string()),
      id: v.optional(v.string()),
      extra_specs: v.optional(v.record(v.string(), v.string())),
    }),
    {},
  ),
  image: v.optional(v.union([v.object({ id: v.string() }), v.literal(''), v.null()]), null),
  tenant_id: v.string(),
  addresses: v.optional(v.record(v.string(), v.array(AddressSchema)), {}),
  'os-extended-volumes:volumes_attached': v.optional(v.array(v.object({ id: v.string() })), []),
  metadata: v.optional(v.record(v.string(), v.string()), {}),
  fault: v.optional(v.object({ message: v.string(), code: v.number() })),
  created: TimestampSchema,
  updated: v.optional(
    v.nullable(
      v.union([
        TimestampSchema,
        v.pipe(
          v.literal(''),
          v.transform(() => null),
        ),
      ]),
    ),
    null,
  ),
  server_groups: v.optional(v.array(v.string())),
});

export type ServerRecord = v.InferOutput<typeof ServerSchema>;

export const LinksSchema = v.optional(v.array(v.object({ rel: v.string(), href: v.string() })), []);

/** Nova's link to the next page, as it stands; null: this was the last one. */
export function nextLink(links: v.InferOutput<typeof LinksSchema>): string | null {
  return links.find((link) => link.rel === 'next')?.href ?? null;
}

export const ServerPageSchema = v.pipe(
  v.object({ servers: v.array(ServerSchema), servers_links: LinksSchema }),
  v.transform((body) => ({ items: body.servers, next: nextLink(body.servers_links) })),
);
/** nova/api/openstack/compute/instance_actions.py ACTION_KEYS, as far as it is used. */
export const ActionListSchema = v.object({
  instanceActions: v.array(
    v.object({
      action: v.string(),
      message: v.nullish(v.string(), null),
      request_id: v.nullish(v.string(), null),
      start_time: v.nullish(TimestampSchema, null),
    }),
  ),
});
/** ... and of one of them, EVENT_KEYS; `events` is there for those who may see them, the host from 2.62 on. */
export const ActionEnvelopeSchema = v.object({
  instanceAction: v.object({
    events: v.optional(
      v.array(
        v.object({
          event: v.string(),
          start_time: v.nullish(TimestampSchema, null),
          finish_time: v.nullish(TimestampSchema, null),
          result: v.nullish(v.string(), null),
          host: v.nullish(v.string(), null),
        }),
      ),
    ),
  }),
});

export const ServerEnvelopeSchema = v.object({ server: ServerSchema });

export interface ServerAddress {
  readonly network: string;
  readonly address: string;
  readonly type: 'fixed' | 'floating';
}

/**
 * From 2.47 on the flavor as it was when the instance was made, by name, with extra specs where the user may see
 * them; before that the flavor's id alone.
 */
export interface ServerFlavor {
  readonly name: string | null;
  readonly id: string | null;
  readonly extraSpecs: Readonly<Record<string, string>> | null;
}

/** An instance as Nova shows it to an admin; words and numbers are Nova's own. */
export interface Server {
  readonly id: string;
  readonly name: string;
  /** `instance.host`: the source until an evacuation is over; null when on no host (shelved, never built). */
  readonly host: string | null;
  readonly hypervisorHostname: string | null;
  /** `ACTIVE`, `SHUTOFF`, `ERROR`, `REBUILD`, ...; `DELETED` for one that is gone. */
  readonly status: string;
  readonly deleted: boolean;
  /** nova/compute/vm_states.py; null: Nova says that it has none. */
  readonly vmState: string | null;
  /** nova/compute/task_states.py */
  readonly taskState: string | null;
  /** nova/compute/power_state.py: 0 none, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended. */
  readonly powerState: number | null;
  /** Null when Nova does not say (before 2.9). */
  readonly locked: boolean | null;
  /** Null when Nova does not say (before 2.26). */
  readonly tags: readonly string[] | null;
  readonly flavor: ServerFlavor;
  /** '' for one on no host. */
  readonly availabilityZone: string | null;
  /** Null when booted from a volume. */
  readonly imageId: string | null;
  readonly projectId: string;
  /** Sorted by network, then address. */
  readonly addresses: readonly ServerAddress[];
  /** Sorted ids. A cell that is slow to answer leaves this empty: nova/.../views/servers.py. */
  readonly volumes: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly fault: { readonly message: string; readonly code: number } | null;
  /** Epoch ms. */
  readonly created: number;
  /** Epoch ms; null before the first change. */
  readonly updated: number | null;
  /** Null in listings: only `GET /servers/{id}` shows them. */
  readonly serverGroups: readonly string[] | null;
}

/** A record of a cell that is down: it has no name (views/servers.py `_show_from_down_cell`). */
export function isPartial(record: ServerRecord): boolean {
  return record.name === undefined;
}

/**
 * For a record that is not {@link isPartial}: one of a down cell would look like a server without a name, on no host. What Nova leaves
 * out is null, or empty.
 */
export function toServer(record: ServerRecord): Server {
  return {
    id: record.id,
    name: record.name ?? '',
    host: record['OS-EXT-SRV-ATTR:host'] ?? null,
    hypervisorHostname: record['OS-EXT-SRV-ATTR:hypervisor_hostname'],
    status: record.status,
    deleted: record.status === 'DELETED',
    vmState: record['OS-EXT-STS:vm_state'] ?? null,
    taskState: record['OS-EXT-STS:task_state'],
    powerState: record['OS-EXT-STS:power_state'],
    locked: record.locked,
    tags: record.tags,
    flavor: {
      name: record.flavor.original_name ?? null,
      id: record.flavor.id ?? null,
      extraSpecs: record.flavor.extra_specs ?? null,
    },
    availabilityZone: record['OS-EXT-AZ:availability_zone'],
    imageId: record.image === null || record.image === '' ? null : record.image.id,
    projectId: record.tenant_id,
    addresses: Object.entries(record.addresses)
      .flatMap(([network, list]) =>
        list.map((each) => ({ network, address: each.addr, type: each['OS-EXT-IPS:type'] })),
      )
      .sort((a, b) => compareText(a.network, b.network) || compareText(a.address, b.address)),
    volumes: record['os-extended-volumes:volumes_attached'].map((volume) => volume.id).sort(compareText),
    metadata: record.metadata,
    fault: record.fault ?? null,
    created: record.created,
    updated: record.updated,
    serverGroups: record.server_groups ?? null,
  };
}

/** Order by code unit, the same under every locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** nova/api/openstack/compute/migrations.py `_output`; uuid from 2.59 on, migration_type from 2.23 on. */
const MigrationSchema = v.object({
  id: v.number(),
  uuid: v.nullish(v.string(), null),
  instance_uuid: v.string(),
  source_compute: v.nullable(v.string()),
  dest_compute: v.nullable(v.string()),
  status: v.nullable(v.string()),
  migration_type: v.nullish(v.string(), null),
  old_instance_type_id: v.nullish(v.number(), null),
  new_instance_type_id: v.nullish(v.number(), null),
  created_at: TimestampSchema,
  updated_at: v.nullable(TimestampSchema),
});
export type MigrationRecord = v.InferOutput<typeof MigrationSchema>;

export const MigrationPageSchema = v.pipe(
  v.object({ migrations: v.array(MigrationSchema), migrations_links: LinksSchema }),
  v.transform((body) => ({ items: body.migrations, next: nextLink(body.migrations_links) })),
);

/**
 * Whether a migration is an evacuation. Before 2.23 the record does not say; then it is one if it names no flavors:
 * resizes and cold migrations always do (nova/compute/claims.py), and so do live ones (nova/conductor/tasks/live_migrate.py).
 */
export function isEvacuation(record: MigrationRecord): boolean {
  if (record.migration_type !== null) return record.migration_type === 'evacuation';
  return record.old_instance_type_id === null && record.new_instance_type_id === null;
}

/**
 * A migration record of type `evacuation`: one for every request that Nova accepted. One of type `live-migration` has the same
 * fields, and statuses of its own (nova/compute/manager.py live_migration).
 */
export interface Evacuation {
  /** Unique within a cell. */
  readonly id: number;
  readonly instanceId: string;
  readonly sourceHost: string;
  readonly destHost: string | null;
  /** `accepted`, `pre-migrating`, `done`, `completed`, `error`, `failed`. */
  readonly status: string;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Epoch ms; null before the first change, which for an evacuation means still `accepted`. */
  readonly updatedAt: number | null;
}

/** A source or a status that Nova has not written is the empty text: that fits no host, and such a status counts as one we do not know. */
export function toEvacuation(record: MigrationRecord): Evacuation {
  return {
    id: record.id,
    instanceId: record.instance_uuid,
    sourceHost: record.source_compute ?? '',
    destHost: record.dest_compute,
    status: record.status ?? '',
    createdAt: record.created_at,
    updatedAt: record.updated_at,
  };
}
