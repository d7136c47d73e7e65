import { givers } from './allocations.ts';
import { answer, type HttpAnswer, type HttpRequest } from './http.ts';
import { hypervisorOf, uuidOf, type World } from './model.ts';

/** What an instance takes: the flavor of nova-api.ts. */
const TAKEN = { VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 };

/** Resource providers by name, their traits, and what they give to whom. A provider is named as the hypervisor of its compute host. */
export function placementApi(world: World, request: HttpRequest): HttpAnswer {
  const hosts = world.spec.computes.map((compute) => compute.host);
  const uuid = (host: string): string => uuidOf(0xa0, hosts.indexOf(host));
  if (request.path === '/placement/resource_providers') {
    const name = request.query.get('name');
    const found = hosts.filter((host) => name === undefined || hypervisorOf(world, host) === name);
    return answer(200, {
      resource_providers: found.map((host) => ({
        uuid: uuid(host),
        name: hypervisorOf(world, host),
        generation: 1,
      })),
    });
  }
  const consumer = /^\/placement\/allocations\/([^/]+)$/.exec(request.path)?.[1];
  if (consumer !== undefined) {
    const given = [...givers(world, consumer)].map((host) => [
      uuid(host),
      { generation: 1, resources: TAKEN },
    ]);
    return answer(200, { allocations: Object.fromEntries(given) });
  }
  const provider = /^\/placement\/resource_providers\/([^/]+)$/.exec(request.path)?.[1];
  const [, of, what] =
    /^\/placement\/resource_providers\/([^/]+)\/(inventories|allocations)$/.exec(request.path) ?? [];
  const giver = world.spec.computes.find(({ host }) => uuid(host) === of);
  if (giver !== undefined)
    return answer(200, what === 'inventories' ? inventoriesOf(giver) : givenBy(world, giver.host));
  const named = hosts.find((each) => uuid(each) === provider);
  if (named !== undefined)
    return answer(200, { uuid: uuid(named), name: hypervisorOf(world, named), generation: 1 });
  const id = /^\/placement\/resource_providers\/([^/]+)\/traits$/.exec(request.path)?.[1];
  const host = hosts.find((each) => uuid(each) === id);
  const compute = host === undefined ? undefined : world.nova.computes.get(host);
  if (compute === undefined) {
    const detail = `The resource could not be found.\n\n No resource provider with uuid ${of ?? id ?? provider} found  `;
    return answer(404, { errors: [{ status: 404, title: 'Not Found', detail }] });
  }
  const traits = ['COMPUTE_NODE', ...(compute.traitDisabled ? ['COMPUTE_STATUS_DISABLED'] : [])];
  return answer(200, { traits, resource_provider_generation: 1 });
}

function inventoriesOf({ capacity }: { readonly capacity: number }): unknown {
  const rooms = Object.entries(TAKEN).map(([name, each]) => [
    name,
    {
      total: capacity * each,
      reserved: 0,
      min_unit: 1,
      max_unit: capacity * each,
      step_size: 1,
      allocation_ratio: 1,
    },
  ]);
  return { inventories: Object.fromEntries(rooms), resource_provider_generation: 1 };
}

/** Consumer → what this host gives to it. */
function givenBy(world: World, host: string): unknown {
  const consumers = [...world.nova.allocations.keys()].filter((id) => givers(world, id).has(host));
  const allocations = Object.fromEntries(consumers.map((id) => [id, { resources: TAKEN }]));
  return { allocations, resource_provider_generation: 1 };
}
