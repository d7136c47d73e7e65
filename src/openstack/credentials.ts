import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { configError } from './errors.ts';
import { parseRcFile, type RcFile } from './rcfile.ts';
import { failure, type Result, success } from './result.ts';
import { Secret } from './secret.ts';

export type EndpointInterface = 'public' | 'internal' | 'admin';

/** A Keystone domain, by name or by id. */
export type DomainRef = { readonly name: string } | { readonly id: string };

interface CloudTarget {
  /** Normalised: http(s), no credentials, ends in `/v3`. */
  readonly authUrl: string;
  readonly regionName?: string;
  readonly endpointInterface: EndpointInterface;
  /** PEM bundle that replaces the built-in CAs, as `OS_CACERT` does. */
  readonly caFile?: string;
  readonly insecure: boolean;
}

export interface PasswordCredentials extends CloudTarget {
  readonly kind: 'password';
  readonly username: string;
  readonly password: Secret;
  readonly projectName: string;
  readonly userDomain: DomainRef;
  readonly projectDomain: DomainRef;
}

/** An application credential by id, or by name together with its owner. Its project comes with it. */
export interface ApplicationCredentials extends CloudTarget {
  readonly kind: 'application-credential';
  readonly identifier:
    | { readonly id: string }
    | { readonly name: string; readonly username: string; readonly userDomain: DomainRef };
  readonly secret: Secret;
}

export type CloudCredentials = PasswordCredentials | ApplicationCredentials;

/** A file together with what decides who may read it. */
export interface SecretFile {
  readonly text: string;
  readonly mode: number;
  readonly uid: number;
}

/** Reads a file; rejects with a Node system error when that is impossible. */
export type ReadSecretFile = (path: string) => Promise<SecretFile>;

/** Runs a program without a shell and gives what it prints; rejects when it fails or takes too long. */
export type RunPasswordScript = (path: string) => Promise<string>;

const PASSWORD_SCRIPT_TIMEOUT_MS = 10_000;
const MAX_PASSWORD_BYTES = 4096;
const MAX_RC_FILE_BYTES = 256 * 1024;

/** The default of `credentialsFromParameters`: mode and owner are those of the very file that is read. */
export async function readSecretFile(path: string): Promise<SecretFile> {
  const file = await open(path, 'r');
  try {
    const { mode, uid, size } = await file.stat();
    if (size > MAX_RC_FILE_BYTES) throw Object.assign(new Error('file too large'), { code: 'EFBIG' });
    return { text: await file.readFile('utf8'), mode, uid };
  } finally {
    await file.close();
  }
}

/** The default of `credentialsFromParameters`: no shell, no arguments, only PATH in the environment, 10 s. */
export function runPasswordScript(path: string): Promise<string> {
  const options = {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    killSignal: 'SIGKILL',
    maxBuffer: MAX_PASSWORD_BYTES,
    timeout: PASSWORD_SCRIPT_TIMEOUT_MS,
  } as const;
  return new Promise((resolve, reject) => {
    execFile(path, [], options, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}

/** A parameter under all its names, and the rc variables that stand in for it; the first that is set counts. */
interface Setting {
  readonly parameters: readonly string[];
  readonly variables: readonly string[];
}

const SETTINGS = {
  authUrl: { parameters: ['auth_url'], variables: ['OS_AUTH_URL'] },
  username: { parameters: ['username', 'login'], variables: ['OS_USERNAME'] },
  password: { parameters: ['password', 'passwd'], variables: ['OS_PASSWORD'] },
  projectName: {
    parameters: ['project_name', 'tenant_name'],
    variables: ['OS_PROJECT_NAME', 'OS_TENANT_NAME'],
  },
  userDomain: { parameters: ['user_domain'], variables: ['OS_USER_DOMAIN_NAME'] },
  projectDomain: { parameters: ['project_domain'], variables: ['OS_PROJECT_DOMAIN_NAME'] },
  regionName: { parameters: ['region_name'], variables: ['OS_REGION_NAME'] },
  endpointType: { parameters: ['endpoint_type'], variables: ['OS_INTERFACE', 'OS_ENDPOINT_TYPE'] },
  insecure: { parameters: ['insecure'], variables: ['OS_INSECURE'] },
  caFile: { parameters: ['ca_file', 'cacert'], variables: ['OS_CACERT'] },
  appId: { parameters: ['application_credential_id'], variables: ['OS_APPLICATION_CREDENTIAL_ID'] },
  appName: { parameters: ['application_credential_name'], variables: ['OS_APPLICATION_CREDENTIAL_NAME'] },
  appSecret: {
    parameters: ['application_credential_secret'],
    variables: ['OS_APPLICATION_CREDENTIAL_SECRET'],
  },
} as const satisfies Record<string, Setting>;

type SettingName = keyof typeof SETTINGS;

/**
 * Builds credentials from the parameters of an agent (stock names and their aliases). `rc_file` names an rc
 * file whose variables fill what the parameters leave open; it must be readable by its owner (root, or who
 * runs this) alone. `password_script` (`passwd_script`) names a program that prints the password, which then
 * overrides `password`. Without `endpoint_type` the internal endpoints are used. The error is `config` and
 * lists every problem found, not only the first; no value of a secret is in it.
 */
export async function credentialsFromParameters(
  parameters: Readonly<Record<string, string | undefined>>,
  readFile: ReadSecretFile = readSecretFile,
  runScript: RunPasswordScript = runPasswordScript,
): Promise<Result<CloudCredentials>> {
  const problems: string[] = [];
  const rc = await loadRcFile(given(parameters, ['rc_file']), readFile, problems);
  const script = given(parameters, ['password_script', 'passwd_script']);
  const scriptPassword = script === undefined ? undefined : await passwordFrom(script, runScript, problems);
  const read = (name: SettingName): string | undefined => lookUp(SETTINGS[name], parameters, rc, problems);

  const caFile = read('caFile');
  const regionName = read('regionName');
  const target: CloudTarget = {
    authUrl: normaliseAuthUrl(read('authUrl'), problems),
    endpointInterface: parseInterface(read('endpointType'), problems),
    insecure: parseBoolean('insecure', read('insecure'), problems),
    ...(caFile === undefined ? {} : { caFile }),
    ...(regionName === undefined ? {} : { regionName }),
  };
  const byApplication = read('appId') !== undefined || read('appName') !== undefined;
  const credentials = byApplication
    ? applicationCredentials(target, read, rc, problems)
    : passwordCredentials(target, read, rc, scriptPassword, script !== undefined, problems);
  return problems.length > 0 ? failure(configError(...new Set(problems))) : success(credentials);
}

type Read = (name: SettingName) => string | undefined;

function passwordCredentials(
  target: CloudTarget,
  read: Read,
  rc: RcFile | null,
  scriptPassword: string | undefined,
  hasScript: boolean,
  problems: string[],
): PasswordCredentials {
  const password = hasScript ? (scriptPassword ?? '') : required(read('password'), 'password', problems);
  return {
    kind: 'password',
    ...target,
    username: required(read('username'), 'username', problems),
    password: new Secret(password),
    projectName: required(read('projectName'), 'project_name', problems),
    userDomain: domain(read('userDomain'), rc?.values.OS_USER_DOMAIN_ID),
    projectDomain: domain(read('projectDomain'), rc?.values.OS_PROJECT_DOMAIN_ID),
  };
}

function applicationCredentials(
  target: CloudTarget,
  read: Read,
  rc: RcFile | null,
  problems: string[],
): ApplicationCredentials {
  const id = read('appId');
  const secret = required(read('appSecret'), 'application_credential_secret', problems);
  return {
    kind: 'application-credential',
    ...target,
    identifier:
      id !== undefined
        ? { id }
        : {
            name: read('appName') ?? '',
            username: required(read('username'), 'username', problems),
            userDomain: domain(read('userDomain'), rc?.values.OS_USER_DOMAIN_ID),
          },
    secret: new Secret(secret),
  };
}

function required(value: string | undefined, parameter: string, problems: string[]): string {
  if (value === undefined) problems.push(`${parameter} is missing`);
  return value ?? '';
}

/** Without a domain it is the one with the id `default`, which v2 users and projects live in. */
function domain(name: string | undefined, id: string | undefined): DomainRef {
  if (name !== undefined) return { name };
  return { id: id === undefined || id === '' ? 'default' : id };
}

/** Empty counts as not set: Pacemaker hands over empty parameters, rc files empty variables. */
function given(
  values: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): string | undefined {
  for (const name of names) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}

function lookUp(
  setting: Setting,
  parameters: Readonly<Record<string, string | undefined>>,
  rc: RcFile | null,
  problems: string[],
): string | undefined {
  const parameter = given(parameters, setting.parameters);
  if (parameter !== undefined || rc === null) return parameter;
  const variable = given(rc.values, setting.variables);
  if (variable !== undefined) return variable;
  const computed = setting.variables.find((name) => rc.computed.includes(name));
  if (computed !== undefined) {
    problems.push(
      `rc_file: ${computed} is computed by a shell, which is not run here; write its value plainly`,
    );
  }
  return undefined;
}

async function loadRcFile(
  path: string | undefined,
  readFile: ReadSecretFile,
  problems: string[],
): Promise<RcFile | null> {
  if (path === undefined) return null;
  let file: SecretFile;
  try {
    file = await readFile(path);
  } catch (cause) {
    problems.push(`rc_file ${path} cannot be read (${systemCode(cause)})`);
    return null;
  }
  if ((file.mode & 0o077) !== 0) {
    problems.push(`rc_file ${path} can be read by others: chmod 600 ${path}`);
  }
  if (file.uid !== 0 && file.uid !== process.getuid?.()) {
    problems.push(`rc_file ${path} belongs to uid ${file.uid}: chown root ${path}`);
  }
  return parseRcFile(file.text);
}

async function passwordFrom(
  script: string,
  runScript: RunPasswordScript,
  problems: string[],
): Promise<string | undefined> {
  try {
    const password = (await runScript(script)).replace(/\r?\n$/, '');
    if (password !== '') return password;
    problems.push(`password_script ${script} printed nothing`);
  } catch (cause) {
    problems.push(
      `password_script ${script} failed (${systemCode(cause)}); it must print the password within ${PASSWORD_SCRIPT_TIMEOUT_MS} ms`,
    );
  }
  return undefined;
}

/** Only code, signal or exit status: the message of a failed execFile quotes what the program printed. */
function systemCode(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown';
  if ('signal' in cause && typeof cause.signal === 'string') return cause.signal;
  if ('code' in cause && (typeof cause.code === 'string' || typeof cause.code === 'number')) {
    return typeof cause.code === 'number' ? `exit status ${cause.code}` : cause.code;
  }
  return cause.name;
}

/** Appends `/v3` where the path has no version; `/v2.0`, as old rc files have it, becomes `/v3`. */
function normaliseAuthUrl(text: string | undefined, problems: string[]): string {
  if (text === undefined) {
    problems.push('auth_url is missing');
    return '';
  }
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    problems.push('auth_url is no http or https URL such as https://cloud.example:5000/v3');
    return '';
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    problems.push('auth_url must have no user, password, query or fragment in it');
    return '';
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v(2\.0|3)(\/auth\/tokens|\/tokens)?$/, '');
  return `${url.origin}${path}/v3`;
}

function parseInterface(text: string | undefined, problems: string[]): EndpointInterface {
  switch (text?.trim().replace(/URL$/i, '').toLowerCase()) {
    case undefined:
    case 'internal':
      return 'internal';
    case 'public':
      return 'public';
    case 'admin':
      return 'admin';
    default:
      problems.push('endpoint_type must be publicURL, internalURL or adminURL');
      return 'internal';
  }
}

function parseBoolean(parameter: string, text: string | undefined, problems: string[]): boolean {
  const word = text?.trim().toLowerCase();
  if (word === undefined || ['0', 'false', 'no', 'off', 'n', 'f'].includes(word)) return false;
  if (['1', 'true', 'yes', 'on', 'y', 't'].includes(word)) return true;
  problems.push(`${parameter} must be true or false`);
  return false;
}
