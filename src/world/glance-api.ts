import { answer, type HttpAnswer, type HttpRequest } from './http.ts';
import type { World } from './model.ts';

const VISIBILITIES = ['public', 'private', 'shared', 'community', 'all'];

/** `GET /v2/images`; hidden ones only when asked for. */
export function glanceApi(world: World, request: HttpRequest): HttpAnswer {
  if (request.path !== '/image/v2/images') return answer(404, { message: `no ${request.path}` });
  const visibility = request.query.get('visibility');
  if (visibility !== undefined && !VISIBILITIES.includes(visibility))
    return answer(400, `Invalid visibility value: ${visibility}`);
  const isHidden = request.query.get('os_hidden') === 'true';
  const all = world.nova.images.map(({ id, name, tags, properties }) => ({
    ...properties,
    id,
    name,
    status: 'active',
    visibility: 'public',
    tags,
  }));
  const marker = request.query.get('marker');
  const begin = marker === undefined ? 0 : all.findIndex(({ id }) => id === marker) + 1;
  const limit = Number(request.query.get('limit') ?? 25);
  const images = isHidden ? [] : all.slice(begin, begin + limit);
  // A page that is full may have a next one, and says so (glance/api/v2/images.py index).
  const isFull = images.length > 0 && images.length === limit;
  const next = isFull ? { next: `/v2/images?limit=${limit}&marker=${images.at(-1)?.id}` } : {};
  return answer(200, { images, first: '/v2/images', schema: '/v2/schemas/images', ...next });
}
