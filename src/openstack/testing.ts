import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PasswordCredentials } from './credentials.ts';
import { Secret } from './secret.ts';

/** A request as the fake cloud saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What a fake service answers; `undefined`: the handler has dealt with the response itself. */
export type FakeAnswer = {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
};
export type FakeHandler = (
  request: SeenRequest,
  raw: { readonly request: IncomingMessage; readonly response: ServerResponse },
) => FakeAnswer | undefined | Promise<FakeAnswer | undefined>;

export interface FakeCloudOptions {
  /** Asked first; `null` passes the request on to the fake itself. */
  readonly handle?: (...args: Parameters<FakeHandler>) => ReturnType<FakeHandler> | null;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly password?: string;
  readonly tokenLifeMs?: number;
  readonly regions?: readonly string[];
  /** Services beside Nova and Placement; `image` and `network` unless told otherwise. */
  readonly beside?: readonly string[];
}

export interface FakeCloud {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** Tokens that are accepted; clear it to make every token stale. */
  readonly tokens: Set<string>;
  tokensIssued(): number;
  requests(method: string, path: string): SeenRequest[];
  close(): Promise<void>;
}

/** A Keystone and an endpoint for Nova and Placement on 127.0.0.1; only the tokens and catalogue are built in. */
export async function startFakeCloud(options: FakeCloudOptions = {}): Promise<FakeCloud> {
  const seen: SeenRequest[] = [];
  const tokens = new Set<string>();
  let issued = 0;
  let url = '';

  function issueToken(body: string): FakeAnswer {
    issued += 1;
    const password = JSON.parse(body).auth.identity.password?.user.password as string | undefined;
    if (password !== (options.password ?? 'correct horse'))
      return keystoneError(401, 'The request needs authentication.');
    const id = `token-${issued}`;
    tokens.add(id);
    return { status: 201, headers: { 'X-Subject-Token': id }, body: tokenBody(url, options) };
  }

  const builtIn: FakeHandler = (request) => {
    if (request.path === '/v3/auth/tokens' && request.method === 'POST') return issueToken(request.body);
    if (!tokens.has(String(request.headers['x-auth-token']))) return { status: 401, body: 'unauthorized' };
    if (request.path === '/compute/v2.1/') {
      return { body: { version: { id: 'v2.1', version: '2.93', min_version: '2.1' } } };
    }
    return { status: 404, body: { itemNotFound: { code: 404, message: `no ${request.path}` } } };
  };

  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const target = new URL(request.url ?? '/', 'http://fake');
    const one: SeenRequest = {
      method: request.method ?? '',
      path: target.pathname,
      query: target.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    };
    seen.push(one);
    const raw = { request, response };
    const handled = options.handle?.(one, raw);
    const answer = await (handled === null || options.handle === undefined ? builtIn(one, raw) : handled);
    if (answer === undefined) return;
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? null);
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.body === undefined ? '' : text);
  };

  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    seen,
    tokens,
    tokensIssued: () => issued,
    requests: (method, path) => seen.filter((one) => one.method === method && one.path === path),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function tokenBody(url: string, options: FakeCloudOptions): unknown {
  const now = Date.now();
  const endpoints = (path: string) =>
    (options.regions ?? ['regionOne']).flatMap((region) =>
      ['public', 'internal'].map((each) => ({
        interface: each,
        region,
        region_id: region,
        url: `${url}${path}`,
      })),
    );
  return {
    token: {
      issued_at: new Date(now).toISOString(),
      expires_at: new Date(now + (options.tokenLifeMs ?? 3_600_000)).toISOString(),
      user: { id: 'u1', name: 'admin' },
      project: { id: 'p1', name: 'admin' },
      roles: [{ id: 'r1', name: 'admin' }],
      catalog: [
        { type: 'compute', name: 'nova', endpoints: endpoints('/compute/v2.1/') },
        { type: 'placement', name: 'placement', endpoints: endpoints('/placement') },
        ...(options.beside ?? ['image', 'network']).map((type) => ({
          type,
          name: type,
          endpoints: endpoints(`/${type}`),
        })),
      ],
    },
  };
}

/** An error as Keystone writes it. */
export function keystoneError(status: number, message: string): FakeAnswer {
  return { status, body: { error: { code: status, message, title: 'Error' } } };
}

/** Credentials that the fake cloud accepts, unless told otherwise. */
export function testCredentials(
  url: string,
  changes: Partial<PasswordCredentials> = {},
): PasswordCredentials {
  return {
    kind: 'password',
    authUrl: `${url}/v3`,
    username: 'admin',
    password: new Secret('correct horse'),
    projectName: 'admin',
    userDomain: { name: 'Default' },
    projectDomain: { name: 'Default' },
    endpointInterface: 'internal',
    insecure: false,
    ...changes,
  };
}

/** A self-signed certificate for 127.0.0.1, made by openssl in a directory of its own. */
export function makeCertificate(): { key: string; cert: string; certFile: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'openstack-tls-'));
  const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  execFileSync(
    'openssl',
    [
      ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1'.split(
        ' ',
      ),
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certFile],
    ],
    { stdio: 'ignore' },
  );
  return {
    key: readFileSync(keyFile, 'utf8'),
    cert: readFileSync(certFile, 'utf8'),
    certFile,
    remove: () => rmSync(directory, { recursive: true }),
  };
}
