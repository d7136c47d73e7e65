import { X509Certificate } from 'node:crypto';
import { open } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
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

/**
 * Reads certificate, key and token, and tries the certificate with its key: a server takes no other pair, and throws
 * where it is made (node lib/internal/tls/secure-context.js). Token and key must be readable by root alone. The error
 * says which setting and what to do.
 */
export async function readAccess(settings: ListenSettings): Promise<Result<Access, string>> {
  const wrong = whatIsWrong(settings);
  const address = parseAddress(settings.listen);
  if (wrong !== null || address === null) return failure(wrong ?? `http_listen=${settings.listen}`);
  try {
    const token =
      settings.tokenFile === null ? null : (await readSecret('http_token_file', settings.tokenFile)).trim();
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
    const key = await readSecret('http_tls_key', settings.tlsKey);
    if (!isCertificate(cert))
      return failure(`http_tls_cert ${settings.tlsCert} does not begin with a certificate in PEM`);
    const unfit = whatIsWrongWithPair(cert, key);
    if (unfit !== null)
      return failure(
        `http_tls_key ${settings.tlsKey} can't be used with http_tls_cert ${settings.tlsCert} (${unfit}): it has to be the key of that certificate, in PEM, without a passphrase`,
      );
    return success({ address, tls: { cert, key }, token });
  } catch (error) {
    return failure(error instanceof Error ? error.message : 'a file of http_* can not be read');
  }
}

async function read(setting: string, path: string): Promise<string> {
  return (await readWithOwner(setting, path)).text;
}

/** The text of a file with a secret in it; that others can read it is an error. */
async function readSecret(setting: string, path: string): Promise<string> {
  const { text, mode, uid } = await readWithOwner(setting, path);
  if ((mode & 0o077) !== 0) throw new Error(`${setting}: ${path} can be read by others: chmod 600 ${path}`);
  if (uid !== 0 && uid !== process.getuid?.())
    throw new Error(`${setting}: ${path} belongs to uid ${uid}: chown root ${path}`);
  return text;
}

/** Mode and owner are those of the very file that is read. */
async function readWithOwner(
  setting: string,
  path: string,
): Promise<{ readonly text: string; readonly mode: number; readonly uid: number }> {
  try {
    const file = await open(path, 'r');
    try {
      const { mode, uid } = await file.stat();
      return { text: await file.readFile('utf8'), mode, uid };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(`${setting}: ${path} can't be read (${codeOf(error)})`);
  }
}

/** Why no server can be made of these two; null when one can. The code alone: a message may quote the key. */
function whatIsWrongWithPair(cert: string, key: string): string | null {
  try {
    createSecureContext({ cert, key });
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== '';
  } catch {
    return false;
  }
}
