import * as v from 'valibot';
import type { CloudCredentials } from './credentials.ts';
import { type CloudError, type Effect, isMatterOfTime, oneLine, showUrl, type Where } from './errors.ts';
import {
  type Catalogue,
  describeLogin,
  type Endpoint,
  findEndpoint,
  TokenBodySchema,
  tokenRequest,
} from './keystone.ts';
import { failure, type Result, success } from './result.ts';
import { Secret, scrub } from './secret.ts';
import {
  createTransport,
  type HttpAnswer,
  loadTlsFiles,
  type Transport,
  type TransportFailure,
} from './transport.ts';

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

const RENEW_MARGIN_SHARE = 0.2;

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

/** Whom the token speaks for. */
export interface Identity {
  readonly user: string;
  readonly project: string | null;
  readonly roles: readonly string[];
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

interface Token extends Identity {
  readonly id: Secret;
  readonly catalogue: Catalogue;
  readonly renewAtMs: number;
}

interface Refusal {
  readonly error: CloudError;
  readonly untilMs: number;
}

/** Opens a session; nothing is sent before the first request. See `Session`. */
export function createSession(credentials: CloudCredentials, options: SessionOptions = {}): Session {
  const limits = { ...DEFAULTS, ...options };
  const now = options.now ?? Date.now;
  const timers = options.timers ?? SYSTEM_TIMERS;
  const login = describeLogin(credentials);
  const authUrl = `${credentials.authUrl}/auth/tokens`;
  const authWhere: Where = { service: 'identity', method: 'POST', url: showUrl(authUrl) };
  const loginSecret = credentials.kind === 'password' ? credentials.password : credentials.secret;
  const counts = new Map<string, number>();
  let transport: Promise<Result<Transport>> | null = null;
  let token: Token | null = null;
  let renewal: Promise<Result<Token>> | null = null;
  let refusal: Refusal | null = null;
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

  function explainFailure(where: Where, error: TransportFailure, timeoutMs: number): CloudError {
    const effect: Effect = where.method === 'GET' || where.service === 'identity' ? 'none' : 'unknown';
    switch (error.kind) {
      case 'unreachable':
        return {
          code: 'unreachable',
          certainty: 'passing',
          effect: 'none',
          ...where,
          reason: error.reason,
          message: error.detail,
        };
      case 'tls-untrusted': {
        const caFile = credentials.caFile ?? null;
        return {
          code: 'tls-untrusted',
          certainty: isMatterOfTime(error.detail) ? 'passing' : 'definite',
          effect: 'none',
          ...where,
          caFile,
          message: error.detail,
        };
      }
      case 'timeout':
        return { code: 'timeout', certainty: 'passing', effect, ...where, afterMs: timeoutMs };
      case 'lost':
        return { code: 'connection-lost', certainty: 'passing', effect, ...where, message: error.detail };
      case 'too-large':
        return { code: 'bad-answer', certainty: 'passing', effect, ...where, message: error.detail };
      default:
        return error satisfies never;
    }
  }

  async function issueToken(): Promise<Result<Token>> {
    const opened = await getTransport();
    if (!opened.ok) return opened;
    countUp(counts, 'identity');
    const askedAtMs = now();
    const answer = await opened.value.send({
      method: 'POST',
      url: authUrl,
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify(tokenRequest(credentials)),
      timeoutMs: limits.authTimeoutMs,
    });
    if (!answer.ok) return failure(explainFailure(authWhere, answer.error, limits.authTimeoutMs));
    return readToken(answer.value, askedAtMs);
  }

  function readToken(answer: HttpAnswer, askedAtMs: number): Result<Token> {
    const json = parseJson(answer.text);
    const said = serverMessage(json, [loginSecret]);
    if (answer.status !== 201) return failure(tokenRefusal(answer.status, said));
    const body = v.safeParse(TokenBodySchema, json);
    const id = answer.headers['x-subject-token'];
    if (!body.success || id === undefined || id === '') {
      const message = body.success ? 'no X-Subject-Token' : schemaIssues(body.issues);
      return failure({ code: 'bad-answer', certainty: 'passing', effect: 'none', ...authWhere, message });
    }
    const { issued_at, expires_at, user, project, roles, catalog } = body.output.token;
    // The life of a token is taken from the server's two times, so that a clock that differs does no harm.
    const lifeMs = expires_at - issued_at;
    const marginMs = Math.min(limits.renewMarginMs, lifeMs * RENEW_MARGIN_SHARE);
    return success({
      id: new Secret(id),
      catalogue: catalog,
      renewAtMs: askedAtMs + lifeMs - marginMs,
      user: user.name,
      project: project?.name ?? null,
      roles: roles.map((role) => role.name),
    });
  }

  function tokenRefusal(status: number, message: string | null): CloudError {
    const url = authWhere.url;
    const text = message ?? `HTTP ${status}`;
    // Keystone puts every error into {"error": ...}; an answer without it comes from something else.
    if (message !== null && (status === 401 || status === 400)) {
      return { code: 'auth-refused', certainty: 'definite', effect: 'none', url, login, message: text };
    }
    if (message !== null && status === 403) {
      return {
        code: 'auth-forbidden',
        certainty: 'definite',
        effect: 'none',
        ...authWhere,
        login,
        message: text,
      };
    }
    if (status >= 500 || status === 429) {
      return {
        code: 'http',
        certainty: 'passing',
        effect: 'none',
        ...authWhere,
        status,
        message: message ?? '',
      };
    }
    // An error page may be that of a proxy whose Keystone is away, or of a web server that has not got it yet.
    const certainty = message === null && status >= 400 ? 'passing' : 'definite';
    return { code: 'not-keystone', certainty, effect: 'none', url, message: text };
  }

  /** Many ask, one login is under way. */
  function renew(): Promise<Result<Token>> {
    if (refusal !== null && now() < refusal.untilMs) return Promise.resolve(failure(refusal.error));
    renewal ??= issueToken()
      .then((issued) => {
        token = issued.ok ? issued.value : token;
        const refused = !issued.ok && issued.error.code.startsWith('auth-');
        refusal = refused ? { error: issued.error, untilMs: now() + limits.refusalHoldMs } : null;
        return issued;
      })
      .finally(() => {
        renewal = null;
      });
    return renewal;
  }

  function currentToken(): Promise<Result<Token>> {
    return token !== null && now() < token.renewAtMs ? Promise.resolve(success(token)) : renew();
  }

  /** After a 401: whoever comes second takes the token that the first has renewed meanwhile. */
  function replaceToken(refused: Token): Promise<Result<Token>> {
    if (token !== null && token !== refused) return currentToken();
    token = null;
    return renew();
  }

  function where(service: string, request: Pick<ServiceRequest, 'method' | 'path'>): Where {
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
      : failure(explainFailure(place, answer.error, timeoutMs));
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
      ...authWhere,
      afterMs: timeoutMs,
    };

    const bearer = await within(timers, currentToken(), leftMs(), lateLogin);
    if (!bearer.ok) return bearer;
    let answer = await sendOnce(service, asked, bearer.value, leftMs(), timeoutMs);
    let used = bearer.value;
    if (answer.ok && answer.value.status === 401) {
      const renewed = await within(timers, replaceToken(bearer.value), leftMs(), lateLogin);
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
      const bearer = await currentToken();
      if (!bearer.ok) return bearer;
      const { user, project, roles } = bearer.value;
      return success({ user, project, roles });
    },
    async endpoint(service) {
      if (closed) return failure(closedError(service));
      const bearer = await currentToken();
      return bearer.ok ? findEndpoint(bearer.value.catalogue, service, credentials) : bearer;
    },
    counts: () => counts,
    async close() {
      closed = true;
      token = null;
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

/** Undefined when the text is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const FaultSchema = v.object({ message: v.string() });
const ErrorsSchema = v.object({ errors: v.array(v.object({ detail: v.string() })) });

/**
 * The words of an error body: `{"badRequest": {"message"}}` (nova/api/openstack/wsgi.py Fault), `{"error":
 * {"message"}}` (Keystone) or `{"errors": [{"detail"}]}` (Placement). Null when it is none of these.
 */
function serverMessage(json: unknown, secrets: readonly Secret[]): string | null {
  const errors = v.safeParse(ErrorsSchema, json);
  const detail = errors.success ? errors.output.errors[0]?.detail : undefined;
  const fault = v.safeParse(v.record(v.string(), v.unknown()), json);
  const inner = fault.success
    ? Object.values(fault.output).find((value) => v.is(FaultSchema, value))
    : undefined;
  const text = detail ?? (v.is(FaultSchema, inner) ? inner.message : undefined);
  return text === undefined ? null : oneLine(scrub(text, secrets));
}

/** Which fields a schema missed: paths and types, no values. */
export function schemaIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  const first = issues[0];
  const path = first === undefined ? null : v.getDotPath(first);
  return oneLine(`${path ?? 'the body'} is not ${first?.expected ?? first?.message ?? 'as expected'}`);
}

function parseDate(header: string | undefined): number | null {
  const epochMs = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(epochMs) ? null : epochMs;
}
