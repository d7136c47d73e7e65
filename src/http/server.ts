import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Result } from '../core/result.ts';
import { failure, success } from '../core/result.ts';
import type { Access } from './access.ts';
import type { StaticFile } from './files.ts';
import { createGuard, type Refusal, SECURITY_HEADERS } from './guard.ts';

/** Sockets open at a time; the pages that are kept up to date are counted apart. */
const MAX_CONNECTIONS = 256;
const HEADERS_LIMIT_MS = 10_000;
const REQUEST_LIMIT_MS = 30_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;

export interface Request {
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly incoming: IncomingMessage;
}

/** What a route answers; `stream`: it has taken the connection over. */
export type Reply =
  | {
      readonly status: number;
      readonly type: string;
      readonly body: string | Buffer;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | 'stream';

export interface Route {
  readonly method: 'GET' | 'POST';
  /** The whole path, or a beginning that ends in `/`. */
  readonly path: string;
  /** Tells nothing of the cloud, so it needs no token. */
  readonly open?: boolean;
  readonly answer: (request: Request, response: ServerResponse) => Reply | Promise<Reply>;
}

export interface ServerOptions {
  readonly access: Access;
  readonly routes: readonly Route[];
  readonly files: ReadonlyMap<string, StaticFile>;
}

export interface RunningServer {
  /** The port that it really has. */
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** An answer in JSON; `body` has to be something that JSON has. */
export const json = (body: unknown, status = 200): Reply => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(body),
});

/** Listens; the error says what is in the way. */
export async function listen(options: ServerOptions): Promise<Result<RunningServer, string>> {
  const { access } = options;
  const guard = createGuard(access);
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_LIMIT_MS,
    requestTimeout: REQUEST_LIMIT_MS,
  };
  const handler = (incoming: IncomingMessage, response: ServerResponse): void => {
    void respond(options, guard, incoming, response);
  };
  const server: Server =
    access.tls === null
      ? createServer(limits, handler)
      : createTlsServer({ ...limits, ...access.tls, minVersion: 'TLSv1.2' }, handler);
  server.maxConnections = MAX_CONNECTIONS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const { host, port } = access.address;
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(failure(`can't listen on ${host}:${port}: ${error.code ?? error.message}`)),
    );
    server.listen({ host, port }, () => {
      server.on('error', () => {});
      const address = server.address();
      resolve(
        success({
          port: typeof address === 'object' && address !== null ? address.port : port,
          close: () =>
            new Promise((closed) => {
              server.close(() => closed());
              server.closeAllConnections();
            }),
        }),
      );
    });
  });
}

async function respond(
  { routes, files }: ServerOptions,
  guard: ReturnType<typeof createGuard>,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  response.on('error', () => {});
  const refused = guard.admits(incoming);
  if (refused !== null) return refuse(response, refused);
  const path = pathOf(incoming.url ?? '/');
  const isHead = incoming.method === 'HEAD';
  const method = isHead ? 'GET' : incoming.method;
  if (path === null || (method !== 'GET' && method !== 'POST'))
    return refuse(response, { status: 400, text: 'only GET is answered' });
  const file = method === 'GET' ? files.get(path) : undefined;
  if (file !== undefined) return sendFile(incoming, response, file);
  const fits = routes.filter(
    (each) => each.path === path || (each.path.endsWith('/') && path.startsWith(each.path)),
  );
  const route = fits.find((each) => each.method === method);
  if (route === undefined) {
    const text = fits.length > 0 ? 'this can only be read' : 'there is nothing of this name';
    return send(response, {
      status: fits.length > 0 ? 405 : 404,
      type: 'text/plain; charset=utf-8',
      body: `${text}\n`,
    });
  }
  const unauthorised = route.open === true ? null : guard.authorises(incoming);
  if (unauthorised !== null) return refuse(response, unauthorised);
  // A stream is begun by its route; what is asked for by HEAD would never end.
  if (isHead) return send(response, { status: 200, type: 'text/plain; charset=utf-8', body: '' });
  try {
    const reply = await route.answer({ path, method, incoming }, response);
    if (reply !== 'stream') send(response, reply);
  } catch {
    // What went wrong is a bug of ours and no business of whoever asks.
    if (!response.headersSent)
      send(response, { status: 500, type: 'text/plain; charset=utf-8', body: 'an unexpected error\n' });
    else response.destroy();
  }
}

/** The path of a request line, decoded; null when it is none. */
function pathOf(url: string): string | null {
  try {
    return decodeURIComponent(url.split(/[?#]/, 1)[0] ?? '/');
  } catch {
    return null;
  }
}

function refuse(response: ServerResponse, { status, text }: Refusal): void {
  if (status === 401) response.setHeader('www-authenticate', 'Bearer realm="instance-ha"');
  send(response, { status, type: 'text/plain; charset=utf-8', body: `${text}\n` });
}

function send(response: ServerResponse, reply: Exclude<Reply, 'stream'>): void {
  response.writeHead(reply.status, {
    'content-type': reply.type,
    'cache-control': 'no-store',
    ...reply.headers,
    'content-length': Buffer.byteLength(reply.body),
  });
  response.end(response.req.method === 'HEAD' ? undefined : reply.body);
}

function sendFile(incoming: IncomingMessage, response: ServerResponse, file: StaticFile): void {
  // "no-cache": a new version is seen at once, an old one costs a 304.
  const headers = { etag: file.etag, 'cache-control': 'no-cache', vary: 'accept-encoding' };
  if (incoming.headers['if-none-match'] === file.etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const isGzip = /\bgzip\b/.test(String(incoming.headers['accept-encoding'] ?? ''));
  const body = isGzip ? file.gzip : file.plain;
  response.writeHead(200, {
    ...headers,
    'content-type': file.type,
    'content-length': body.length,
    ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(incoming.method === 'HEAD' ? undefined : body);
}
