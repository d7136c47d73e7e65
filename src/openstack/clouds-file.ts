import * as v from 'valibot';
import { readYaml, type YamlPath } from './yaml.ts';

const AuthSchema = v.record(v.string(), v.nullish(v.string()));
const CloudSchema = v.looseObject({
  auth: v.optional(AuthSchema, {}),
  auth_type: v.optional(v.string()),
  profile: v.optional(v.string()),
  cloud: v.optional(v.string()),
  region_name: v.nullish(v.string()),
  interface: v.nullish(v.string()),
  endpoint_type: v.nullish(v.string()),
  cacert: v.nullish(v.string()),
  cert: v.nullish(v.string()),
  key: v.nullish(v.string()),
  verify: v.nullish(v.union([v.boolean(), v.string()])),
  insecure: v.nullish(v.union([v.boolean(), v.string()])),
});
const CloudsFileSchema = v.object({ clouds: v.record(v.string(), CloudSchema) });

export type CloudsFile = v.InferOutput<typeof CloudsFileSchema>;

/** Everything else is text: a password of digits is no number. */
const TYPED_KEYS = ['verify', 'insecure'];
const isTyped = (path: YamlPath): boolean =>
  path.length === 3 && path[0] === 'clouds' && TYPED_KEYS.includes(path[2] ?? '');

/** Reads a clouds.yaml or secure.yaml; the problem names the line but quotes nothing of the file, since secrets stand in it. */
export function parseCloudsFile(
  text: string,
): { readonly ok: true; readonly value: CloudsFile } | { readonly ok: false; readonly problem: string } {
  const yaml = readYaml(text, isTyped);
  if (!yaml.ok) return yaml;
  const parsed = v.safeParse(CloudsFileSchema, yaml.value);
  if (parsed.success) return { ok: true, value: parsed.output };
  const path = v.getDotPath(parsed.issues[0]);
  return {
    ok: false,
    problem: `is no clouds.yaml: ${path ?? 'clouds'} is not what openstacksdk expects there`,
  };
}

/** A name that an rc file can set. */
const VARIABLE = /^OS_[A-Z0-9_]+$/;

type Auth = v.InferOutput<typeof AuthSchema>;

/**
 * Keys with `_` for `-`, and a `domain_name` or `domain_id` as what it stands for: the domain of the user and of the
 * project, where they have none of their own (openstack/config/loader.py `_handle_domain_id`).
 */
function withDomains(auth: Auth): Auth {
  const plain: Record<string, Auth[string]> = {};
  for (const [key, value] of Object.entries(auth)) plain[key.replaceAll('-', '_')] = value;
  const { domain_name: name, domain_id: id, ...own } = plain;
  const ofBoth = ['user', 'project'].flatMap((whose) =>
    [`${whose}_domain_name`, `${whose}_domain_id`].some((key) => Object.hasOwn(own, key))
      ? []
      : [
          [`${whose}_domain_name`, name],
          [`${whose}_domain_id`, id],
        ],
  );
  return { ...own, ...Object.fromEntries(ofBoth) };
}

/**
 * One cloud as the variables of an rc file, so that there is one way to read credentials. What stands in
 * secure.yaml comes on top, key by key (openstack/config/loader.py `_load_secure_file`).
 */
export function cloudVariables(
  name: string,
  clouds: CloudsFile,
  secure: CloudsFile | null,
):
  | { readonly ok: true; readonly values: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: string } {
  const plain = Object.hasOwn(clouds.clouds, name) ? clouds.clouds[name] : undefined;
  if (plain === undefined) {
    const known = Object.keys(clouds.clouds).sort().join(', ');
    return { ok: false, problem: `has no cloud of that name; it has ${known === '' ? 'none' : known}` };
  }
  const hidden = secure !== null && Object.hasOwn(secure.clouds, name) ? secure.clouds[name] : undefined;
  const cloud = { ...plain, ...hidden, auth: { ...plain.auth, ...hidden?.auth } };
  if (cloud.profile !== undefined || cloud.cloud !== undefined) {
    return {
      ok: false,
      problem: 'takes its values from a vendor profile (profile), which is not read here; write them out',
    };
  }
  const values = new Map<string, string>();
  const set = (variable: string, value: unknown): void => {
    if (!VARIABLE.test(variable) || value === undefined || value === null || value === '') return;
    values.set(variable, String(value));
  };
  for (const [key, value] of Object.entries(withDomains(cloud.auth))) set(`OS_${key.toUpperCase()}`, value);
  for (const key of [
    'region_name',
    'interface',
    'endpoint_type',
    'cacert',
    'cert',
    'key',
    'insecure',
  ] as const) {
    set(`OS_${key.toUpperCase()}`, cloud[key]);
  }
  // `verify: false` says the same as `insecure: true`; a path there is a CA bundle, as in python-requests.
  if (cloud.verify === false) set('OS_INSECURE', 'true');
  else if (typeof cloud.verify === 'string') set('OS_CACERT', cloud.verify);
  return { ok: true, values: Object.fromEntries(values) };
}
