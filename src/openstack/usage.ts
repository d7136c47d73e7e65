import * as v from 'valibot';
import { schemaIssues } from './answers.ts';
import { createNova } from './nova.ts';
import { hostOfProvider } from './nova-hypervisors.ts';
import { failure, type Result, success } from './result.ts';
import type { Session } from './session.ts';

const PLACEMENT = 'placement';
const MICROVERSION = '1.6';
/** The resources that a server takes and that a host can lack. */
const CLASSES = ['VCPU', 'MEMORY_MB', 'DISK_GB'] as const;
export type ResourceClass = (typeof CLASSES)[number];

const ProvidersSchema = v.object({
  resource_providers: v.array(v.object({ uuid: v.string(), name: v.string() })),
});
const InventoriesSchema = v.object({
  inventories: v.record(
    v.string(),
    v.object({ total: v.number(), reserved: v.number(), allocation_ratio: v.number() }),
  ),
});
const AllocationsSchema = v.object({
  allocations: v.record(v.string(), v.object({ resources: v.record(v.string(), v.number()) })),
});

/** What Placement knows of one resource provider. */
export interface HostUsage {
  /** The provider's name: of a compute host its hypervisor's hostname. */
  readonly name: string;
  /** Nova's host of it, by Nova's list of the hypervisors; null: none of them is called so (shared storage, a nested provider). */
  readonly host: string | null;
  /** What may be given away in all, after reserve and ratio; a class that the provider lacks is not in it. */
  readonly capacity: Partial<Readonly<Record<ResourceClass, number>>>;
  /** Consumer (an instance, or a migration) → what it takes. */
  readonly allocations: ReadonlyMap<string, Partial<Readonly<Record<ResourceClass, number>>>>;
}

/** Hosts asked for at a time. */
const MAX_AT_ONCE = 8;

/** Every resource provider with whose it is, what it has and what it gave away: two requests a host. */
export async function readUsage(session: Session): Promise<Result<readonly HostUsage[]>> {
  const [providers, hypervisors] = await Promise.all([
    ask(session, '/resource_providers', ProvidersSchema),
    createNova(session).listHypervisors(),
  ]);
  if (!providers.ok) return providers;
  if (!hypervisors.ok) return hypervisors;
  const open = [...providers.value.resource_providers];
  const found: HostUsage[] = [];
  while (open.length > 0) {
    const batch = await Promise.all(
      open
        .splice(0, MAX_AT_ONCE)
        .map((provider) => usageOf(session, provider, hostOfProvider(hypervisors.value, provider.name))),
    );
    for (const usage of batch) {
      if (!usage.ok) return usage;
      found.push(usage.value);
    }
  }
  return success(found.sort((a, b) => (a.name < b.name ? -1 : 1)));
}

async function usageOf(
  session: Session,
  provider: { readonly uuid: string; readonly name: string },
  host: string | null,
): Promise<Result<HostUsage>> {
  const path = `/resource_providers/${encodeURIComponent(provider.uuid)}`;
  const [inventories, allocations] = await Promise.all([
    ask(session, `${path}/inventories`, InventoriesSchema),
    ask(session, `${path}/allocations`, AllocationsSchema),
  ]);
  if (!inventories.ok) return inventories;
  if (!allocations.ok) return allocations;
  const capacity = CLASSES.flatMap((name) => {
    const inventory = inventories.value.inventories[name];
    if (inventory === undefined) return [];
    return [[name, Math.floor((inventory.total - inventory.reserved) * inventory.allocation_ratio)]];
  });
  const taken = Object.entries(allocations.value.allocations).map(([consumer, { resources }]) => [
    consumer,
    Object.fromEntries(
      CLASSES.flatMap((name) => (resources[name] === undefined ? [] : [[name, resources[name]]])),
    ),
  ]);
  return success({
    name: provider.name,
    host,
    capacity: Object.fromEntries(capacity),
    allocations: new Map(taken as [string, HostUsage['capacity']][]),
  });
}

async function ask<T>(
  session: Session,
  path: string,
  schema: v.GenericSchema<unknown, T>,
): Promise<Result<T>> {
  const request = { method: 'GET', path, microversion: MICROVERSION } as const;
  const answer = await session.request(PLACEMENT, request);
  if (!answer.ok) return answer;
  const body = v.safeParse(schema, answer.value.body);
  if (body.success) return success(body.output);
  const where = session.where(PLACEMENT, request);
  return failure({
    code: 'bad-answer',
    certainty: 'passing',
    effect: 'none',
    ...where,
    message: schemaIssues(body.issues),
  });
}
