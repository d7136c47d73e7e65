import { answer, type HttpAnswer, type HttpRequest } from './http.ts';
import type { World } from './model.ts';

/** The image from which every instance of the world is made that has one. */
export const IMAGE_ID = '1a000000-0000-4000-8000-000000000001';

/** `GET /v2/images`; hidden ones only when asked for. */
export function glanceApi(world: World, request: HttpRequest): HttpAnswer {
  if (request.path !== '/image/v2/images') return answer(404, { message: `no ${request.path}` });
  const isHidden = request.query.get('os_hidden') === 'true';
  const image = { id: IMAGE_ID, name: 'debian', status: 'active', tags: world.spec.nova.imageTags };
  return answer(200, { images: isHidden || request.query.has('marker') ? [] : [image] });
}
