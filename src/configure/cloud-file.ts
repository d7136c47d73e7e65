import * as v from 'valibot';
import { parse as parseYaml } from 'yaml';
import { failure, type Result, success } from '../core/result.ts';
import { parseRcFile } from '../openstack/rcfile.ts';
import type { CloudSource, ReadText } from './input.ts';

const Auth = v.record(
  v.string(),
  v.pipe(
    v.union([v.string(), v.number(), v.boolean()]),
    v.transform((value) => String(value)),
  ),
);
const CloudSchema = v.looseObject({ auth: v.optional(Auth, {}) });
const CloudsSchema = v.object({ clouds: v.record(v.string(), CloudSchema) });

/** clouds.yaml's keys (openstacksdk, config/loader.py) and the variables that mean the same. */
const AUTH_KEYS: Readonly<Record<string, string>> = {
  auth_url: 'OS_AUTH_URL',
  username: 'OS_USERNAME',
  password: 'OS_PASSWORD',
  project_name: 'OS_PROJECT_NAME',
  tenant_name: 'OS_PROJECT_NAME',
  user_domain_name: 'OS_USER_DOMAIN_NAME',
  user_domain_id: 'OS_USER_DOMAIN_ID',
  project_domain_name: 'OS_PROJECT_DOMAIN_NAME',
  project_domain_id: 'OS_PROJECT_DOMAIN_ID',
  domain_name: 'OS_USER_DOMAIN_NAME',
  application_credential_id: 'OS_APPLICATION_CREDENTIAL_ID',
  application_credential_name: 'OS_APPLICATION_CREDENTIAL_NAME',
  application_credential_secret: 'OS_APPLICATION_CREDENTIAL_SECRET',
};
const CLOUD_KEYS: Readonly<Record<string, string>> = {
  region_name: 'OS_REGION_NAME',
  interface: 'OS_INTERFACE',
  endpoint_type: 'OS_INTERFACE',
  cacert: 'OS_CACERT',
};

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
  const values =
    source.kind === 'rc' ? fromRc(source.path, text) : fromClouds(source.path, text, source.cloud);
  if (!values.ok) return values;
  const secure = source.kind === 'clouds' ? await secureValues(source, readText) : {};
  const all = { ...values.value, ...secure };
  if (all.OS_AUTH_URL === undefined) return failure(`${source.path} sets no auth_url (OS_AUTH_URL)`);
  const lines = Object.entries(all).map(([name, value]) => `export ${name}=${shellQuote(value)}`);
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

function fromClouds(
  path: string,
  text: string,
  cloud: string,
): Result<Readonly<Record<string, string>>, string> {
  const clouds = readClouds(text);
  if (clouds === null) return failure(`${path} is no clouds.yaml`);
  const found = clouds[cloud];
  if (found === undefined)
    return failure(`${path} has no cloud ${cloud}; there is ${Object.keys(clouds).join(', ') || 'none'}`);
  return success(valuesOf(found));
}

function readClouds(text: string): Readonly<Record<string, v.InferOutput<typeof CloudSchema>>> | null {
  try {
    const parsed = v.safeParse(CloudsSchema, parseYaml(text, { maxAliasCount: 100 }));
    return parsed.success ? parsed.output.clouds : null;
  } catch {
    return null;
  }
}

/** Passwords may stand in a secure.yaml beside it, which goes before (openstacksdk, config/loader.py). */
async function secureValues(
  source: Extract<CloudSource, { kind: 'clouds' }>,
  readText: ReadText,
): Promise<Readonly<Record<string, string>>> {
  try {
    const clouds = readClouds(await readText(source.path.replace(/[^/]*$/, 'secure.yaml')));
    const found = clouds?.[source.cloud];
    return found === undefined ? {} : valuesOf(found);
  } catch {
    return {};
  }
}

function valuesOf(cloud: v.InferOutput<typeof CloudSchema>): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const [key, name] of Object.entries(AUTH_KEYS)) {
    const value = cloud.auth[key];
    if (value !== undefined) values[name] = value;
  }
  for (const [key, name] of Object.entries(CLOUD_KEYS)) {
    const value = cloud[key];
    if (typeof value === 'string') values[name] = value;
  }
  if (cloud.verify === false) values.OS_INSECURE = 'true';
  return values;
}

/** Text as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
