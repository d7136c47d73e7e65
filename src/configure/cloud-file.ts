import { dirname, join } from 'node:path';
import { failure, type Result, success } from '../core/result.ts';
import { cloudVariables, parseCloudsFile } from '../openstack/clouds-file.ts';
import { parseRcFile } from '../openstack/rcfile.ts';
import type { CloudSource, ReadText } from './input.ts';

/**
 * The text of the credentials file that goes to the controllers, from an rc file or a clouds.yaml: plain variables,
 * each quoted, nothing that a shell would have to work out.
 */
export async function credentialsFile(
  source: CloudSource,
  readText: ReadText,
): Promise<Result<string, string>> {
  let text: string;
  try {
    text = await readText(source.path);
  } catch {
    return failure(`${source.path} cannot be read`);
  }
  const values = source.kind === 'rc' ? fromRc(source.path, text) : await fromClouds(source, text, readText);
  if (!values.ok) return values;
  if (values.value.OS_AUTH_URL === undefined) return failure(`${source.path} sets no auth_url (OS_AUTH_URL)`);
  const lines = Object.entries(values.value).map(([name, value]) => `export ${name}=${shellQuote(value)}`);
  return success(`${lines.join('\n')}\n`);
}

function fromRc(path: string, text: string): Result<Readonly<Record<string, string>>, string> {
  const rc = parseRcFile(text);
  if (rc.computed.length > 0)
    return failure(
      `${path}: ${rc.computed.join(', ')} would have to be worked out by a shell; write the value plainly`,
    );
  return success(rc.values);
}

/** Read as the agents read it themselves, with the secure.yaml beside it: what they would heed is in the file, and nothing else. */
async function fromClouds(
  { path, cloud }: Extract<CloudSource, { kind: 'clouds' }>,
  text: string,
  readText: ReadText,
): Promise<Result<Readonly<Record<string, string>>, string>> {
  const clouds = parseCloudsFile(text);
  if (!clouds.ok) return failure(`${path} ${clouds.problem}`);
  const securePath = join(dirname(path), 'secure.yaml');
  const secureText = await readText(securePath).catch(() => null);
  const secure = secureText === null ? null : parseCloudsFile(secureText);
  if (secure?.ok === false) return failure(`${securePath} ${secure.problem}`);
  const found = cloudVariables(cloud, clouds.value, secure?.value ?? null);
  return found.ok ? success(found.values) : failure(`cloud ${cloud}: ${path} ${found.problem}`);
}

/** Text as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
