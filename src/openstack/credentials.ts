import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CREDENTIAL_PARAMETERS, type CredentialParameter } from './credential-parameters.ts';
import { configError } from './errors.ts';
import { parseRcFile } from './rcfile.ts';
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
  /** Shown to the services (TLS client authentication); both may be the same file. */
  readonly clientCertificate?: { readonly certFile: string; readonly keyFile: string };
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

type SettingName = keyof typeof CREDENTIAL_PARAMETERS;

/** What stands in for parameters that are not given: an rc file, or a cloud of a clouds.yaml read as one. */
interface Source {
  readonly name: string;
  readonly values: Readonly<Record<string, string>>;
  readonly computed: readonly string[];
}

/** What Pacemaker puts into the CIB in the place of a value that cibsecret keeps (lib/common/cib_secrets.c). */
const CIBSECRET = 'lrm://';

/**
 * Builds credentials from the parameters of an agent (stock names and their aliases). `rc_file` names an rc
 * file whose variables fill what the parameters leave open, and `os_cloud` a cloud of a clouds.yaml that fills
 * what is open after that; each must be readable by its owner (root, or who runs this) alone.
 * `password_script` (`passwd_script`) names a program that prints the password, which then overrides
 * `password`. Without `endpoint_type` the internal endpoints are used. The error is `config` and lists every
 * problem found, not only the first; but where a source that is named gives nothing, that alone, since what it would
 * have filled in is not missing. No value of a secret is in it.
 */
export async function credentialsFromParameters(
  parameters: Readonly<Record<string, string | undefined>>,
  readFile: ReadSecretFile = readSecretFile,
  runScript: RunPasswordScript = runPasswordScript,
): Promise<Result<CloudCredentials>> {
  const problems: string[] = [];
  const sources: Source[] = [];
  const read = (name: SettingName): string | undefined =>
    lookUp(CREDENTIAL_PARAMETERS[name], parameters, sources, problems);
  const rcFile = read('rcFile');
  if (rcFile !== undefined) {
    const source = await loadRcFile(rcFile, readFile, problems);
    if (source === null) return refused(problems);
    sources.push(source);
  }
  const cloud = read('cloud');
  if (cloud !== undefined) {
    const file = read('cloudsFile') ?? CREDENTIAL_PARAMETERS.cloudsFile.default;
    const source = await loadCloud(cloud, file, readFile, problems);
    if (source === null) return refused(problems);
    sources.push(source);
  }
  const script = read('passwordScript');
  const scriptPassword = script === undefined ? undefined : await passwordFrom(script, runScript, problems);

  const caFile = read('caFile');
  const certFile = read('certFile');
  const keyFile = read('keyFile');
  if (keyFile !== undefined && certFile === undefined) problems.push('key_file is given without cert_file');
  const regionName = read('regionName');
  const target: CloudTarget = {
    authUrl: normaliseAuthUrl(read('authUrl'), problems),
    endpointInterface: parseInterface(read('endpointType'), problems),
    insecure: parseBoolean('insecure', read('insecure'), problems),
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { clientCertificate: { certFile, keyFile: keyFile ?? certFile } }),
    ...(regionName === undefined ? {} : { regionName }),
  };
  const byApplication = read('appId') !== undefined || read('appName') !== undefined;
  const credentials = byApplication
    ? applicationCredentials(target, read, sources, problems)
    : passwordCredentials(target, read, sources, scriptPassword, script !== undefined, problems);
  return problems.length > 0 ? refused(problems) : success(credentials);
}

const refused = (problems: readonly string[]): Result<never> => failure(configError(...new Set(problems)));

/** What gives values that do not stand in the parameters themselves. */
const OUTSIDE: readonly SettingName[] = ['rcFile', 'cloud', 'cloudsFile', 'passwordScript'];

/**
 * Whether this machine has to complete these parameters, by a file, a program or cibsecret: then what is wrong with
 * the credentials may be right on another one.
 */
export function needMachine(parameters: Readonly<Record<string, string | undefined>>): boolean {
  const isOutside = OUTSIDE.some((name) => {
    const { name: plain, aliases } = CREDENTIAL_PARAMETERS[name];
    return given(parameters, [plain, ...aliases]) !== undefined;
  });
  return isOutside || Object.values(parameters).includes(CIBSECRET);
}

type Read = (name: SettingName) => string | undefined;

function passwordCredentials(
  target: CloudTarget,
  read: Read,
  sources: readonly Source[],
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
    userDomain: domain(read('userDomain'), variable(sources, 'OS_USER_DOMAIN_ID')),
    projectDomain: domain(read('projectDomain'), variable(sources, 'OS_PROJECT_DOMAIN_ID')),
  };
}

function applicationCredentials(
  target: CloudTarget,
  read: Read,
  sources: readonly Source[],
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
            userDomain: domain(read('userDomain'), variable(sources, 'OS_USER_DOMAIN_ID')),
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
  return name !== undefined ? { name } : { id: id ?? 'default' };
}

/** A variable that is no parameter of its own, from the first source that sets it. */
function variable(sources: readonly Source[], name: string): string | undefined {
  return sources.map((source) => given(source.values, [name])).find((value) => value !== undefined);
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
  parameter: CredentialParameter,
  parameters: Readonly<Record<string, string | undefined>>,
  sources: readonly Source[],
  problems: string[],
): string | undefined {
  const value = given(parameters, [parameter.name, ...parameter.aliases]);
  if (value === CIBSECRET) {
    problems.push(
      `${parameter.name} is kept by cibsecret and was not filled in: only Pacemaker does that, where the secret is on this node too (cibsecret sync)`,
    );
    return undefined;
  }
  if (value !== undefined) return value;
  for (const source of sources) {
    const found = given(source.values, parameter.variables);
    if (found !== undefined) return found;
    const computed = parameter.variables.find((name) => source.computed.includes(name));
    if (computed !== undefined) {
      problems.push(
        `${source.name}: ${computed} is computed by a shell, which is not run here; write its value plainly`,
      );
    }
  }
  return undefined;
}

/** The file as a source; null when it can't be read, which is a problem then. */
async function loadRcFile(
  path: string,
  readFile: ReadSecretFile,
  problems: string[],
): Promise<Source | null> {
  const text = await readPrivately('rc_file', path, readFile, problems);
  return text === null ? null : { name: 'rc_file', ...parseRcFile(text) };
}

/**
 * One cloud of a clouds.yaml, with the secure.yaml beside it, as a source; null when there is none, which is a problem
 * then. The YAML parser is loaded for it alone.
 */
async function loadCloud(
  cloud: string,
  path: string,
  readFile: ReadSecretFile,
  problems: string[],
): Promise<Source | null> {
  const text = await readPrivately('clouds_file', path, readFile, problems);
  if (text === null) return null;
  const securePath = join(dirname(path), 'secure.yaml');
  const secureText = await readFile(securePath).then(
    () => readPrivately('clouds_file', securePath, readFile, problems),
    () => null,
  );
  const { parseCloudsFile, cloudVariables } = await import('./clouds-file.ts');
  const clouds = parseCloudsFile(text);
  const secure = secureText === null ? null : parseCloudsFile(secureText);
  if (!clouds.ok) problems.push(`clouds_file ${path} ${clouds.problem}`);
  if (secure?.ok === false) problems.push(`clouds_file ${securePath} ${secure.problem}`);
  if (!clouds.ok || secure?.ok === false) return null;
  const found = cloudVariables(cloud, clouds.value, secure?.value ?? null);
  if (!found.ok) {
    problems.push(`os_cloud ${cloud}: ${path} ${found.problem}`);
    return null;
  }
  return { name: `os_cloud ${cloud}`, values: found.values, computed: [] };
}

/** The text of a file with secrets in it; that others can read it is a problem. */
async function readPrivately(
  parameter: string,
  path: string,
  readFile: ReadSecretFile,
  problems: string[],
): Promise<string | null> {
  let file: SecretFile;
  try {
    file = await readFile(path);
  } catch (cause) {
    problems.push(`${parameter} ${path} cannot be read (${systemCode(cause)})`);
    return null;
  }
  if ((file.mode & 0o077) !== 0) {
    problems.push(`${parameter} ${path} can be read by others: chmod 600 ${path}`);
  }
  if (file.uid !== 0 && file.uid !== process.getuid?.()) {
    problems.push(`${parameter} ${path} belongs to uid ${file.uid}: chown root ${path}`);
  }
  return file.text;
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
