import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { Agent } from 'undici';
import type { CloudError, UnreachableReason } from './errors.ts';
import { configError } from './errors.ts';
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

/** Reads the CA bundle, if one is configured. A file that is unreadable or no PEM is a `config` error. */
export async function loadCa(caFile: string | undefined): Promise<Result<string | undefined, CloudError>> {
  if (caFile === undefined) return success(undefined);
  try {
    const pem = await readFile(caFile, 'utf8');
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
      return failure(configError(`ca_file ${caFile} holds no PEM certificate`));
    }
    createSecureContext({ ca: pem });
    return success(pem);
  } catch (cause) {
    return failure(configError(`ca_file ${caFile} cannot be used (${codeOf(cause)})`));
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
  readonly ca: string | undefined;
  readonly insecure: boolean;
  readonly limits: TransportLimits;
}): Transport {
  const { limits } = options;
  const connect = {
    timeout: limits.connectTimeoutMs,
    rejectUnauthorized: !options.insecure,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  };
  const shared = { connect, connections: limits.maxConnectionsPerOrigin };
  const reused = new Agent({ ...shared, pipelining: 1 });
  const fresh = new Agent({ ...shared, pipelining: 0 });

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

async function exchange(
  agent: Agent,
  request: HttpRequest,
  maxBodyBytes: number,
): Promise<Result<HttpAnswer, TransportFailure>> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), request.timeoutMs);
  try {
    const url = new URL(request.url);
    const answer = await agent.request({
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
