import { answer, type HttpAnswer, type HttpRequest } from './http.ts';
import { uuidOf, type World } from './model.ts';

/** Resource providers by name, and their traits. A provider is named as its compute host. */
export function placementApi(world: World, request: HttpRequest): HttpAnswer {
  const hosts = world.spec.computes.map((compute) => compute.host);
  const uuid = (host: string): string => uuidOf(0xa0, hosts.indexOf(host));
  if (request.path === '/placement/resource_providers') {
    const name = request.query.get('name');
    const found = hosts.filter((host) => name === undefined || host === name);
    return answer(200, {
      resource_providers: found.map((host) => ({ uuid: uuid(host), name: host, generation: 1 })),
    });
  }
  const id = /^\/placement\/resource_providers\/([^/]+)\/traits$/.exec(request.path)?.[1];
  const host = hosts.find((each) => uuid(each) === id);
  const compute = host === undefined ? undefined : world.nova.computes.get(host);
  if (compute === undefined) {
    return answer(404, { errors: [{ status: 404, detail: `No resource provider with uuid ${id} found` }] });
  }
  const traits = ['COMPUTE_NODE', ...(compute.traitDisabled ? ['COMPUTE_STATUS_DISABLED'] : [])];
  return answer(200, { traits, resource_provider_generation: 1 });
}
