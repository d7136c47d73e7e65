import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import type { Access } from './access.ts';
import { isLoopback } from './settings.ts';

/**
 * Sent with every answer. The page is one script and one style sheet of its own: nothing inline, nothing from
 * elsewhere, in no frame, and nothing may be sent anywhere else.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

/** Why a request is turned away. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 421;
  readonly text: string;
}

export interface Guard {
  /** Before anything else: is it meant for us, and from our own page if it comes from a page? */
  readonly admits: (request: IncomingMessage) => Refusal | null;
  /** For what tells of the cloud: does it carry the token? */
  readonly authorises: (request: IncomingMessage) => Refusal | null;
}

/**
 * Names of its own are those of the loopback, and with TLS the address, this machine's name and those of the certificate. Throws when
 * the certificate can't be parsed, which {@link Access} is made to rule out (access.ts).
 */
export function createGuard(access: Access): Guard {
  const certificate = access.tls === null ? null : new X509Certificate(access.tls.cert);
  const isOurs = (name: string): boolean => {
    if (isLoopback(name)) return true;
    if (certificate === null) return false;
    if (name === access.address.host || name === hostname()) return true;
    return /^[\d.]+$|:/.test(name)
      ? certificate.checkIP(name) !== undefined
      : certificate.checkHost(name) !== undefined;
  };
  const expected = access.token === null ? null : digest(access.token);
  return {
    // A page of somebody else whose name is made to point here (DNS rebinding) comes with its own name in Host.
    admits({ headers }) {
      const name = hostOf(headers.host);
      if (name === null) return { status: 400, text: 'no Host header' };
      if (!isOurs(name))
        return {
          status: 421,
          text: 'this name is not one of this server; use 127.0.0.1 or a name of its certificate',
        };
      const site = headers['sec-fetch-site'];
      // Another port of this machine is of the same site, and none of ours either.
      const isOfAnother = site === 'cross-site' || site === 'same-site';
      if (isOfAnother && headers['sec-fetch-mode'] !== 'navigate')
        return { status: 403, text: 'requests from other sites are not answered' };
      return null;
    },
    authorises({ headers }) {
      if (expected === null) return null;
      const given = /^Bearer ([\x21-\x7e]+)$/.exec(headers.authorization ?? '')?.[1];
      // Digests have one length, so that the comparison tells nothing about the token's.
      if (given !== undefined && timingSafeEqual(digest(given), expected)) return null;
      return { status: 401, text: 'a token is needed' };
    },
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The name in a Host header without its port; null when there is none. Behind a tunnel the port is any. */
export function hostOf(header: string | undefined): string | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/.exec(header ?? '');
  return (match?.[1] ?? match?.[2] ?? null)?.toLowerCase() ?? null;
}
