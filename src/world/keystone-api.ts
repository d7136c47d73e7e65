import { answer, type HttpAnswer, type HttpRequest } from './http.ts';
import { novaNow, type World } from './model.ts';

/** Where everything listens; the names in the catalogue. */
export const BASE_URL = 'http://cloud.example';

/** `POST /v3/auth/tokens` with a password. */
export function keystoneApi(world: World, request: HttpRequest): HttpAnswer {
  if (request.method !== 'POST' || request.path !== '/identity/v3/auth/tokens') {
    return answer(404, { error: { code: 404, message: 'Could not find.', title: 'Not Found' } });
  }
  const { keystone } = world;
  if (passwordOf(request.body) !== keystone.password) {
    return answer(401, {
      error: {
        code: 401,
        message: 'The request you have made requires authentication.',
        title: 'Unauthorized',
      },
    });
  }
  const id = `tok-${(++keystone.issued).toString(36)}-of-the-cloud`;
  keystone.tokens.set(id, world.agenda.now + world.spec.tokenLifeMs);
  return answer(201, tokenBody(world), { 'x-subject-token': id });
}

function passwordOf(body: unknown): string | null {
  const auth = (body as { auth?: { identity?: { password?: { user?: { password?: unknown } } } } } | null)
    ?.auth;
  const password = auth?.identity?.password?.user?.password;
  return typeof password === 'string' ? password : null;
}

function tokenBody(world: World): unknown {
  const now = novaNow(world);
  const endpoints = (path: string): unknown =>
    ['public', 'internal'].map((each) => ({
      interface: each,
      region: 'regionOne',
      region_id: 'regionOne',
      url: `${BASE_URL}${path}`,
    }));
  return {
    token: {
      issued_at: new Date(now).toISOString(),
      expires_at: new Date(now + world.spec.tokenLifeMs).toISOString(),
      user: { id: 'u1', name: 'nova-evacuate' },
      project: { id: 'p1', name: 'service' },
      roles: [{ id: 'r1', name: 'admin' }],
      catalog: [
        { type: 'compute', name: 'nova', endpoints: endpoints('/compute/v2.1') },
        { type: 'placement', name: 'placement', endpoints: endpoints('/placement') },
        { type: 'image', name: 'glance', endpoints: endpoints('/image') },
        { type: 'network', name: 'neutron', endpoints: endpoints('/network') },
      ],
    },
  };
}
