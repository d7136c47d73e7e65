import { answer, type HttpAnswer, type HttpRequest } from './http.ts';
import type { World } from './model.ts';

/** The image from which every instance of the world is made that has one. */
export const IMAGE_ID = '1a000000-0000-4000-8000-000000000001';

const VISIBILITIES = ['public', 'private', 'shared', 'community', 'all'];

/** `GET /v2/images`; hidden ones only when asked for. */
export function glanceApi(world: World, request: HttpRequest): HttpAnswer {
  if (request.path !== '/image/v2/images') return answer(404, { message: `no ${request.path}` });
  const visibility = request.query.get('visibility');
  if (visibility !== undefined && !VISIBILITIES.includes(visibility))
    return answer(400, `Invalid visibility value: ${visibility}`);
  const isHidden = request.query.get('os_hidden') === 'true';
  const image = {
    id: IMAGE_ID,
    name: 'debian',
    status: 'active',
    visibility: 'public',
    tags: world.spec.nova.imageTags,
  };
  const images = isHidden || request.query.has('marker') ? [] : [image];
  // A page that is full may have a next one, and says so (glance/api/v2/images.py index).
  const isFull = images.length > 0 && request.query.get('limit') === String(images.length);
  const next = isFull ? { next: `/v2/images?limit=${images.length}&marker=${IMAGE_ID}` } : {};
  return answer(200, { images, first: '/v2/images', schema: '/v2/schemas/images', ...next });
}
