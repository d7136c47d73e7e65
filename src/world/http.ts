import type { Actor } from './facts.ts';
import { glanceApi } from './glance-api.ts';
import { BASE_URL, keystoneApi } from './keystone-api.ts';
import { type ApiHealth, novaNow, type World } from './model.ts';
import { neutronApi } from './neutron-api.ts';
import { novaApi } from './nova-api.ts';
import { placementApi } from './placement-api.ts';

/** A request as an API sees it. `path` begins below the endpoint's host, such as `/compute/v2.1/servers/detail`. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
  /** All of the query, where a name stands more than once. */
  readonly pairs: readonly (readonly [string, string])[];
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** Who sends it, for the facts. */
  readonly by: Actor;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** The answer comes so much later than usual, ms; what was asked for is done already. */
  readonly extraMs: number;
}

/** An answer that takes no longer than usual. */
export const answer = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer => ({
  status,
  headers,
  body,
  extraMs: 0,
});

/** An error in the words of nova/api/openstack/wsgi.py Fault. */
export function fault(status: number, message: string): HttpAnswer {
  const name =
    {
      400: 'badRequest',
      401: 'unauthorized',
      403: 'forbidden',
      404: 'itemNotFound',
      409: 'conflictingRequest',
    }[status] ?? 'computeFault';
  return answer(status, { [name]: { code: status, message } });
}

/** The API that a path belongs to. */
export function healthOf(world: World, path: string): ApiHealth {
  if (path.startsWith('/identity')) return world.apis.keystone;
  if (path.startsWith('/placement')) return world.apis.placement;
  return world.apis.nova;
}

/** Carries out one request, here and now, and gives the answer. */
export function serve(world: World, request: HttpRequest): HttpAnswer {
  const date = new Date(novaNow(world)).toUTCString();
  const given = route(world, request);
  const { method, path, body, by } = request;
  world.emit({ kind: 'request', by, method, path, body, status: given.status });
  return { ...given, headers: { date, 'content-type': 'application/json', ...given.headers } };
}

const REFUSED = {
  error: {
    code: 401,
    message: 'The request you have made requires authentication.',
    title: 'Unauthorized',
  },
};
/** Glance lets anybody in and refuses later, in webob's words (glance/api/middleware/context.py). */
const REFUSED_BY_GLANCE = {
  message:
    'This server could not verify that you are authorized to access the document you requested. Either you supplied the wrong credentials (e.g., bad password), or your browser does not understand how to supply the credentials required.<br /><br />\n\n\n',
  code: '401 Unauthorized',
  title: 'Unauthorized',
};

function isFailingList({ failingLists }: World, path: string): boolean {
  if (failingLists.size === 0) return false;
  return [...failingLists].some((list) => path.endsWith(`/${list}`));
}

function route(world: World, request: HttpRequest): HttpAnswer {
  const { path } = request;
  if (healthOf(world, path).failing || isFailingList(world, path)) {
    return answer(503, '<html><body><h1>503 Service Unavailable</h1></body></html>', {
      'content-type': 'text/html',
    });
  }
  if (path.startsWith('/identity')) return keystoneApi(world, request);
  // keystonemiddleware: a token that Keystone can't confirm is no token.
  const token = request.headers['x-auth-token'] ?? '';
  const expiresAt = world.keystone.tokens.get(token);
  if (expiresAt === undefined || expiresAt <= world.agenda.now) {
    return answer(401, path.startsWith('/image') ? REFUSED_BY_GLANCE : REFUSED, {
      'www-authenticate': `Keystone uri="${BASE_URL}/identity"`,
    });
  }
  if (path.startsWith('/compute')) return novaApi(world, request);
  if (path.startsWith('/placement')) return placementApi(world, request);
  if (path.startsWith('/image')) return glanceApi(world, request);
  if (path.startsWith('/network')) return neutronApi(world, request);
  return fault(404, `no ${path}`);
}
