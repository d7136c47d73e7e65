import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { Agent, type buildConnector, type Dispatcher, ProxyAgent } from 'undici';
import type { CloudCredentials } from './credentials.ts';
import type { CloudError, UnreachableReason } from './errors.ts';
import { configError } from './errors.ts';
import { proxyFor } from './proxy.ts';
import { failure, type Result, success } from './result.ts';

export interface TransportLimits {
  readonly connectTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly maxConnectionsPerOrigin: number;
}

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** How an exchange failed. `unreachable` and `tls-untrusted` are before the request was sent. */
export type TransportFailure =
  | { readonly kind: 'unreachable'; readonly reason: UnreachableReason; readonly detail: string }
  | { readonly kind: 'tls-untrusted'; readonly detail: string }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'lost'; readonly detail: string }
  | { readonly kind: 'too-large'; readonly detail: string };

export interface Transport {
  send(request: HttpRequest): Promise<Result<HttpAnswer, TransportFailure>>;
  close(): Promise<void>;
}

/** What TLS needs beside the address, as PEM texts. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Reads the CA bundle and the client certificate, where they are configured. A file that is unreadable or no PEM is a `config` error. */
export async function loadTlsFiles(
  credentials: Pick<CloudCredentials, 'caFile' | 'clientCertificate' | 'insecure'>,
): Promise<Result<TlsFiles, CloudError>> {
  const caFile = credentials.insecure ? undefined : credentials.caFile;
  const ca = caFile === undefined ? success(undefined) : await loadPem('ca_file', caFile, CERTIFICATE);
  if (!ca.ok) return ca;
  const trust = ca.value === undefined ? {} : { ca: ca.value };
  if (credentials.clientCertificate === undefined) return success(trust);
  const { certFile, keyFile } = credentials.clientCertificate;
  const cert = await loadPem('cert_file', certFile, CERTIFICATE);
  if (!cert.ok) return cert;
  const key = await loadPem('key_file', keyFile, PRIVATE_KEY);
  if (!key.ok) return key;
  try {
    createSecureContext({ cert: cert.value, key: key.value });
  } catch (cause) {
    return failure(
      configError(`key_file ${keyFile} does not belong to cert_file ${certFile} (${codeOf(cause)})`),
    );
  }
  return success({ ...trust, cert: cert.value, key: key.value });
}

const CERTIFICATE = { mark: /-----BEGIN CERTIFICATE-----/, what: 'certificate', option: 'ca' } as const;
const PRIVATE_KEY = {
  mark: /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  what: 'private key',
  option: 'key',
} as const;

async function loadPem(
  parameter: string,
  path: string,
  kind: typeof CERTIFICATE | typeof PRIVATE_KEY,
): Promise<Result<string, CloudError>> {
  try {
    const pem = await readFile(path, 'utf8');
    if (!kind.mark.test(pem)) return failure(configError(`${parameter} ${path} holds no PEM ${kind.what}`));
    createSecureContext({ [kind.option]: pem });
    return success(pem);
  } catch (cause) {
    return failure(configError(`${parameter} ${path} cannot be used (${codeOf(cause)})`));
  }
}

/**
 * HTTP as this project needs it. Reads use keep-alive where the server allows it; since a server may close
 * an idle connection just when it is used again, a read that loses its connection is sent once more on a new
 * one. Everything else gets a connection of its own from the start (`pipelining: 0` turns keep-alive off in
 * undici): a POST on a stale connection would leave us not knowing whether it was carried out. It is never
 * sent twice.
 */
export function createTransport(options: {
  readonly tls: TlsFiles;
  readonly insecure: boolean;
  readonly limits: TransportLimits;
  /** Where the names of proxies stand; the process's environment. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}): Transport {
  const { limits, environment = process.env } = options;
  const connect = {
    timeout: limits.connectTimeoutMs,
    rejectUnauthorized: !options.insecure,
    ...options.tls,
  };
  const shared = { connect, connections: limits.maxConnectionsPerOrigin };
  const reused = dispatcherOf({ ...shared, pipelining: 1 }, environment);
  const fresh = dispatcherOf({ ...shared, pipelining: 0 }, environment);

  async function send(request: HttpRequest): Promise<Result<HttpAnswer, TransportFailure>> {
    if (request.method !== 'GET') return exchange(fresh, request, limits.maxBodyBytes);
    const startedAt = performance.now();
    const first = await exchange(reused, request, limits.maxBodyBytes);
    if (first.ok || first.error.kind !== 'lost') return first;
    const leftMs = request.timeoutMs - (performance.now() - startedAt);
    if (leftMs <= 0) return first;
    return exchange(fresh, { ...request, timeoutMs: leftMs }, limits.maxBodyBytes);
  }

  return {
    send,
    async close() {
      await Promise.all([reused.destroy(), fresh.destroy()]);
    },
  };
}

/** Straight connections, and one pool for each proxy that the environment names for some address. */
function dispatcherOf(
  options: Omit<Agent.Options, 'connect'> & { readonly connect: buildConnector.BuildOptions },
  environment: Readonly<Record<string, string | undefined>>,
): { to(url: URL): Dispatcher; destroy(): Promise<unknown> } {
  const direct = new Agent(options);
  const proxies = new Map<string, ProxyAgent>();
  return {
    to(url) {
      const proxy = proxyFor(url, environment);
      if (proxy === null) return direct;
      let agent = proxies.get(proxy);
      if (agent === undefined) {
        agent = new ProxyAgent({ ...options, uri: proxy, requestTls: options.connect });
        proxies.set(proxy, agent);
      }
      return agent;
    },
    destroy: () => Promise.all([direct, ...proxies.values()].map((agent) => agent.destroy())),
  };
}

async function exchange(
  agents: { to(url: URL): Dispatcher },
  request: HttpRequest,
  maxBodyBytes: number,
): Promise<Result<HttpAnswer, TransportFailure>> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), request.timeoutMs);
  try {
    const url = new URL(request.url);
    const answer = await agents.to(url).request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method as 'GET',
      headers: request.headers,
      body: request.body ?? null,
      signal: abort.signal,
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) {
        answer.body.destroy();
        return failure({ kind: 'too-large', detail: `the body is larger than ${maxBodyBytes} bytes` });
      }
      chunks.push(chunk);
    }
    return success({
      status: answer.statusCode,
      headers: flatten(answer.headers),
      text: Buffer.concat(chunks).toString('utf8'),
    });
  } catch (cause) {
    if (abort.signal.aborted) return failure({ kind: 'timeout' });
    return failure(classify(cause));
  } finally {
    clearTimeout(timer);
  }
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}

/** Errors of connect(2) and getaddrinfo(3). The same codes on an established connection mean something else. */
const NOT_CONNECTED: Readonly<Record<string, UnreachableReason>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'connect-timeout',
  EHOSTUNREACH: 'no-route',
  ENETUNREACH: 'no-route',
  EADDRNOTAVAIL: 'no-route',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EAI_FAIL: 'dns',
  EAI_NODATA: 'dns',
};

/** Verification results of OpenSSL as Node names them (X509_V_ERR_* without the prefix). */
const UNTRUSTED =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?|GET_CRL)|CERT_[A-Z_]+|CRL_[A-Z_]+|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME_(INVALID|FORMAT))$/;

/** What OpenSSL says when the other side of a handshake talks plain HTTP. */
const NOT_TLS = /wrong version number|packet length too long|http request/i;

function classify(cause: unknown): TransportFailure {
  const error = innermost(cause);
  const code = codeOf(error);
  if (UNTRUSTED.test(code)) return { kind: 'tls-untrusted', detail: code };
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return { kind: 'unreachable', reason: 'connect-timeout', detail: code };
  }
  if (error instanceof Error && NOT_TLS.test(error.message)) {
    return { kind: 'unreachable', reason: 'not-tls', detail: code };
  }
  const syscall = error instanceof Error && 'syscall' in error ? error.syscall : undefined;
  if (syscall === 'connect' || syscall === 'getaddrinfo') {
    return { kind: 'unreachable', reason: NOT_CONNECTED[code] ?? 'other', detail: code };
  }
  // Anything not known to come before the request is taken as lost on the way: its effect is in doubt.
  return { kind: 'lost', detail: code };
}

/** Node tries IPv6 and IPv4 and reports an AggregateError; the first of its errors says enough. */
function innermost(cause: unknown): unknown {
  return cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors[0] : cause;
}

/** The stable code of a Node or undici error; never its message, which may quote what was sent. */
function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}
