import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { failure, type Result, success } from '../core/result.ts';
import { type Address, type ListenSettings, parseAddress, whatIsWrong } from './settings.ts';

/** A shorter token could be guessed, characters. */
export const MIN_TOKEN_LENGTH = 24;
/** What a server needs to begin: no secret is left to read. */
export interface Access {
  readonly address: Address;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** null: whoever reaches the address may read. */
  readonly token: string | null;
}

/** Reads certificate, key and token. The error says which setting and what to do. */
export async function readAccess(settings: ListenSettings): Promise<Result<Access, string>> {
  const wrong = whatIsWrong(settings);
  const address = parseAddress(settings.listen);
  if (wrong !== null || address === null) return failure(wrong ?? `http_listen=${settings.listen}`);
  try {
    const token =
      settings.tokenFile === null ? null : (await read('http_token_file', settings.tokenFile)).trim();
    if (token !== null && !/^[\x21-\x7e]+$/.test(token))
      return failure(
        `http_token_file ${settings.tokenFile} has to hold one line of printable characters without spaces`,
      );
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
