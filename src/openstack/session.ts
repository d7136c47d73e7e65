import { failureOf, parseJson, serverMessage } from './answers.ts';
import type { CloudCredentials } from './credentials.ts';
import { type CloudError, type Effect, oneLine, showUrl, type Where } from './errors.ts';
import { describeLogin, type Endpoint, findEndpoint } from './keystone.ts';
import { failure, type Result, success } from './result.ts';
import type { Secret } from './secret.ts';
import { createTokens, type Identity, type Token } from './tokens.ts';
import { createTransport, type HttpAnswer, loadTlsFiles, type Transport } from './transport.ts';

const DEFAULTS = {
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 20_000,
  authTimeoutMs: 20_000,
  /** A token is renewed this long before it ends, or after 80 % of its life, whichever is later. */
  renewMarginMs: 5 * 60_000,
  /** A refused login is remembered so long, so that a tick's many requests don't lock the account out. */
  refusalHoldMs: 5_000,
  maxBodyBytes: 64 * 1024 * 1024,
  maxConnectionsPerOrigin: 16,
};

/** What the bounds of requests are counted by. */
export interface Timers {
  /** A clock that only goes forward, ms. */
  mono(): number;
  /** Calls `run` after `ms`; what it gives calls that off. */
  after(ms: number, run: () => void): () => void;
}

export interface SessionOptions extends Partial<typeof DEFAULTS> {
  /** Epoch milliseconds; for tests. */
  readonly now?: () => number;
  /** Instead of the machine's: for the simulator, whose time is another. */
  readonly timers?: Timers;
  /** Instead of HTTP: for the simulator, whose cloud is in the same process. */
  readonly transport?: Transport;
}

const SYSTEM_TIMERS: Timers = {
  mono: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export interface ServiceRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the endpoint of the catalogue, beginning with `/`. */
  readonly path: string;
  /** `version`: `path` is below `/v2.1` of the endpoint, a project id after it left out. Default `endpoint`. */
  readonly at?: 'endpoint' | 'version';
  /** A list puts the name there once for each. */
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  readonly body?: unknown;
  readonly microversion?: string;
  /** Bound for the whole request, waiting for a token included. Default 20 s. */
  readonly timeoutMs?: number;
}

export interface ServiceAnswer {
  readonly status: number;
  /** Parsed JSON, not yet checked by a schema; null when the body is empty. */
  readonly body: unknown;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The server's clock (its Date header) in epoch milliseconds; null when it sent none. */
  readonly date: number | null;
}

export interface Session {
  /**
   * Sends one request with a valid token. Answers outside 200-299 are errors. A read that loses its
   * connection is sent once more; nothing else is ever sent twice, save after a 401, which says that the
   * request was not carried out: then the token is renewed, once.
   */
  request(service: string, request: ServiceRequest): Promise<Result<ServiceAnswer>>;
  identity(): Promise<Result<Identity>>;
  endpoint(service: string): Promise<Result<Endpoint>>;
  /** Where a request of this service went, for the errors a client of it makes itself. */
  where(service: string, request: Pick<ServiceRequest, 'method' | 'path'>): Where;
  /** Who logs in, in words. */
  readonly login: string;
  /** Requests sent so far by service type (`identity`: tokens asked for). */
  counts(): ReadonlyMap<string, number>;
  /** Ends all sockets; requests under way end with `connection-lost`, later ones with `closed`. */
  close(): Promise<void>;
}

/** Opens a session; nothing is sent before the first request. See `Session`. */
export function createSession(credentials: CloudCredentials, options: SessionOptions = {}): Session {
  const limits = { ...DEFAULTS, ...options };
  const now = options.now ?? Date.now;
  const timers = options.timers ?? SYSTEM_TIMERS;
  const login = describeLogin(credentials);
  const loginSecret = credentials.kind === 'password' ? credentials.password : credentials.secret;
  const counts = new Map<string, number>();
  let transport: Promise<Result<Transport>> | null = null;
  let closed = false;

  async function openTransport(): Promise<Result<Transport>> {
    if (options.transport !== undefined) return success(options.transport);
    const tls = await loadTlsFiles(credentials);
    if (!tls.ok) return tls;
    return success(createTransport({ tls: tls.value, insecure: credentials.insecure, limits }));
  }

  /** One transport a session; a PEM file that could not be read is tried again by the next request. */
  async function getTransport(): Promise<Result<Transport>> {
    transport ??= openTransport();
    const opening = transport;
    const opened = await opening;
    if (!opened.ok && transport === opening) transport = null;
    return opened;
  }

  const tokens = createTokens(credentials, {
    ...limits,
    now,
    open: getTransport,
    onLogin: () => countUp(counts, 'identity'),
  });

  function where(service: string, request: Pick<ServiceRequest, 'method' | 'path'>): Where {
    const token = tokens.held();
    const endpoint = token === null ? null : findEndpoint(token.catalogue, service, credentials);
    const base = endpoint?.ok ? endpoint.value.url : '';
    return { service, method: request.method, url: showUrl(base + request.path) };
  }

  async function sendOnce(
    service: string,
    request: ServiceRequest,
    bearer: Token,
    leftMs: number,
    timeoutMs: number,
  ): Promise<Result<HttpAnswer & { readonly where: Where }>> {
    const endpoint = findEndpoint(bearer.catalogue, service, credentials);
    if (!endpoint.ok) return endpoint;
    const url = buildUrl(endpoint.value.url, request);
    const place: Where = { service, method: request.method, url: showUrl(url) };
    if (leftMs <= 0) {
      return failure({ code: 'timeout', certainty: 'passing', effect: 'none', ...place, afterMs: timeoutMs });
    }
    const opened = await getTransport();
    if (!opened.ok) return opened;
    if (closed) return failure(closedError(service));
    countUp(counts, service);
    const answer = await opened.value.send({
      method: request.method,
      url,
      headers: buildHeaders(service, request, bearer.id),
      body: request.body === undefined ? undefined : JSON.stringify(request.body),
      timeoutMs: leftMs,
    });
    return answer.ok
      ? success({ where: place, ...answer.value })
      : failure(failureOf(place, answer.error, { timeoutMs, caFile: credentials.caFile ?? null }));
  }

  async function request(service: string, asked: ServiceRequest): Promise<Result<ServiceAnswer>> {
    if (closed) return failure(closedError(service));
    const timeoutMs = asked.timeoutMs ?? limits.requestTimeoutMs;
    const deadline = timers.mono() + timeoutMs;
    const leftMs = () => deadline - timers.mono();
    const lateLogin: CloudError = {
      code: 'timeout',
      certainty: 'passing',
      effect: 'none',
      ...tokens.where,
      afterMs: timeoutMs,
    };

    const bearer = await within(timers, tokens.current(), leftMs(), lateLogin);
    if (!bearer.ok) return bearer;
    let answer = await sendOnce(service, asked, bearer.value, leftMs(), timeoutMs);
    let used = bearer.value;
    if (answer.ok && answer.value.status === 401) {
      const renewed = await within(timers, tokens.replace(bearer.value), leftMs(), lateLogin);
      if (!renewed.ok) return renewed;
      used = renewed.value;
      answer = await sendOnce(service, asked, used, leftMs(), timeoutMs);
    }
    return answer.ok ? readAnswer(answer.value, answer.value.where, used.id) : answer;
  }

  function readAnswer(answer: HttpAnswer, place: Where, tokenId: Secret): Result<ServiceAnswer> {
    const { status, headers } = answer;
    const json = parseJson(answer.text);
    const failedEffect: Effect = place.method === 'GET' ? 'none' : 'unknown';
    if (status < 200 || status > 299) {
      const message = serverMessage(json, [loginSecret, tokenId]) ?? '';
      if (status === 403 && message.startsWith(POLICY_REFUSAL)) {
        return failure({
          code: 'auth-forbidden',
          certainty: 'definite',
          effect: 'none',
          ...place,
          login,
          message,
        });
      }
      const effect = status >= 500 ? failedEffect : 'none';
      return failure({ code: 'http', certainty: 'passing', effect, ...place, status, message });
    }
    if (json === undefined && answer.text.trim() !== '') {
      const message = `no JSON but ${oneLine(headers['content-type'] ?? 'something else')}`;
      return failure({ code: 'bad-answer', certainty: 'passing', effect: failedEffect, ...place, message });
    }
    return success({ status, headers, body: json ?? null, date: parseDate(headers.date) });
  }

  return {
    request,
    where,
    login,
    async identity() {
      if (closed) return failure(closedError('identity'));
      const bearer = await tokens.current();
      if (!bearer.ok) return bearer;
      const { user, project, roles } = bearer.value;
      return success({ user, project, roles });
    },
    async endpoint(service) {
      if (closed) return failure(closedError(service));
      const bearer = await tokens.current();
      return bearer.ok ? findEndpoint(bearer.value.catalogue, service, credentials) : bearer;
    },
    counts: () => counts,
    async close() {
      closed = true;
      tokens.forget();
      const opened = await transport;
      if (opened?.ok) await opened.value.close();
    },
  };
}

/** How every OpenStack service begins its 403 when a role is missing (oslo.policy, nova/exception.py). */
const POLICY_REFUSAL = "Policy doesn't allow";

function closedError(service: string): CloudError {
  return { code: 'closed', certainty: 'definite', effect: 'none', service };
}

function countUp(counts: Map<string, number>, service: string): void {
  counts.set(service, (counts.get(service) ?? 0) + 1);
}

function buildUrl(endpoint: string, request: ServiceRequest): string {
  if (!request.path.startsWith('/') && request.path !== '')
    throw new Error(`path without slash: ${request.path}`);
  const base = request.at === 'version' ? endpoint.replace(/(\/v\d+(\.\d+)?)\/[^/]+$/, '$1') : endpoint;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each));
  }
  return `${base}${request.path}${query.size === 0 ? '' : `?${query}`}`;
}

function buildHeaders(service: string, request: ServiceRequest, token: Secret): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json', 'x-auth-token': token.reveal() };
  if (request.body !== undefined) headers['content-type'] = 'application/json';
  if (request.microversion !== undefined) {
    headers['openstack-api-version'] = `${service} ${request.microversion}`;
    // Nova heeds the common header from 2.27 on, and this one from the first microversion to the newest.
    if (service === 'compute') headers['x-openstack-nova-api-version'] = request.microversion;
  }
  return headers;
}

/** Waits for a promise at most so long; the promise itself goes on, because others may wait for it too. */
async function within<T>(
  { after }: Timers,
  promise: Promise<Result<T>>,
  timeoutMs: number,
  late: CloudError,
): Promise<Result<T>> {
  let callOff = (): void => {};
  const expiry = new Promise<Result<T>>((resolve) => {
    callOff = after(Math.max(0, timeoutMs), () => resolve(failure(late)));
  });
  try {
    return await Promise.race([promise, expiry]);
  } finally {
    callOff();
  }
}

function parseDate(header: string | undefined): number | null {
  const epochMs = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(epochMs) ? null : epochMs;
}
