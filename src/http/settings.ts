import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { failure, type Result, success } from '../core/result.ts';

/** Where the evacuator listens when nobody says otherwise. */
export const DEFAULT_LISTEN = '127.0.0.1:7475';
/** A shorter token could be guessed, characters. */
export const MIN_TOKEN_LENGTH = 24;
/** Addresses that only this machine reaches. */
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

export interface ListenSettings {
  /** `off`, or ADDRESS:PORT. */
  readonly listen: string;
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
  readonly tokenFile: string | null;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a server needs to begin: no secret is left to read. */
export interface Access {
  readonly address: Address;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** null: whoever reaches the address may read. */
  readonly token: string | null;
}

/** ADDRESS:PORT, [V6]:PORT, :PORT on all addresses; null when it is none. */
export function parseAddress(text: string): Address | null {
  const match = /^(\[([0-9a-fA-F:.]+)\]|[A-Za-z0-9._-]*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? -1);
  if (match === null || port > 65_535) return null;
  return { host: match[2] ?? (match[1] === '' ? '0.0.0.0' : (match[1] ?? '')), port };
}

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** What is wrong with these settings as they are written, or null; asks no file. */
export function whatIsWrong(settings: ListenSettings): string | null {
  if (settings.listen === 'off') return null;
  const address = parseAddress(settings.listen);
  if (address === null)
    return `http_listen=${settings.listen} is neither off nor ADDRESS:PORT, such as ${DEFAULT_LISTEN}`;
  if ((settings.tlsCert === null) !== (settings.tlsKey === null))
    return 'http_tls_cert and http_tls_key belong together; one of them is missing';
  if (isLoopback(address.host)) return null;
  if (settings.tlsCert === null)
    return `http_listen=${settings.listen} can be reached from other machines, which needs http_tls_cert and http_tls_key; or listen on 127.0.0.1`;
  if (settings.tokenFile === null)
    return `http_listen=${settings.listen} can be reached from other machines, which needs http_token_file; or listen on 127.0.0.1`;
  return null;
}

/** Reads certificate, key and token. null: the server is off. The error says which setting and what to do. */
export async function readAccess(settings: ListenSettings): Promise<Result<Access | null, string>> {
  if (settings.listen === 'off') return success(null);
  const wrong = whatIsWrong(settings);
  const address = parseAddress(settings.listen);
  if (wrong !== null || address === null) return failure(wrong ?? `http_listen=${settings.listen}`);
  try {
    const token = settings.tokenFile === null ? null : (await read('http_token_file', settings.tokenFile)).trim();
    if (token !== null && !/^[\x21-\x7e]+$/.test(token))
      return failure(`http_token_file ${settings.tokenFile} has to hold one line of printable characters without spaces`);
    if (token !== null && token.length < MIN_TOKEN_LENGTH)
      return failure(
        `the token in ${settings.tokenFile} is shorter than ${MIN_TOKEN_LENGTH} characters; make one with: openssl rand -hex 32`,
      );
    if (settings.tlsCert === null || settings.tlsKey === null) return success({ address, tls: null, token });
    const cert = await read('http_tls_cert', settings.tlsCert);
    const key = await read('http_tls_key', settings.tlsKey);
    if (!isCertificate(cert))
      return failure(`http_tls_cert ${settings.tlsCert} does not begin with a certificate in PEM`);
    return success({ address, tls: { cert, key }, token });
  } catch (error) {
    return failure(error instanceof Error ? error.message : 'a file of http_* can not be read');
  }
}

async function read(setting: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new Error(`${setting}: ${path} can't be read (${code})`);
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== '';
  } catch {
    return false;
  }
}
