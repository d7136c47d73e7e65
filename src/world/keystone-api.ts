import { answer, type HttpAnswer, type HttpRequest } from './http.ts';
import { novaNow, type World } from './model.ts';

/** Where everything listens; the names in the catalogue. */
export const BASE_URL = 'http://cloud.example';

/** `POST /v3/auth/tokens` with a password. */
export function keystoneApi(world: World, request: HttpRequest): HttpAnswer {
  if (request.method !== 'POST' || request.path !== '/identity/v3/auth/tokens') {
    // No route: Flask's own page (measured).
    return answer(404, '<!doctype html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n', {
      'content-type': 'text/html; charset=utf-8',
    });
  }
  const { keystone } = world;
  if (!isRight(request.body, keystone.password)) {
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

/** What a login says, as far as it is looked at (keystone/api/auth.py). */
interface Login {
  readonly auth?: {
    readonly identity?: {
      readonly password?: { readonly user?: { readonly name?: unknown; readonly password?: unknown } };
    };
    readonly scope?: { readonly project?: { readonly name?: unknown } };
  };
}

/** Keystone has one user, in one project. */
const USER = 'nova-evacuate';
const PROJECT = 'service';

function isRight(body: unknown, password: string): boolean {
  const auth = (body as Login | null)?.auth;
  const user = auth?.identity?.password?.user;
  return user?.name === USER && user.password === password && auth?.scope?.project?.name === PROJECT;
}

/** keystone/common/utils.py isotime, with subseconds. */
const isoTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

function tokenBody(world: World): unknown {
  const now = novaNow(world);
  const endpoints = (path: string): unknown =>
    ['public', 'internal'].map((each) => ({
      id: `e${each}${path.split('/')[1]}`,
      interface: each,
      region: 'regionOne',
      region_id: 'regionOne',
      url: `${BASE_URL}${path}`,
    }));
  return {
    token: {
      methods: ['password'],
      issued_at: isoTime(now),
      expires_at: isoTime(now + world.spec.tokenLifeMs),
      user: { id: 'u1', name: USER },
      project: { id: 'p1', name: PROJECT },
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
