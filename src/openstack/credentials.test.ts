import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseCloudsFile } from './clouds-file.ts';
import { credentialsFromParameters, needMachine, type ReadSecretFile } from './credentials.ts';
import { explain } from './errors.ts';
import { parseRcFile } from './rcfile.ts';

const directory = mkdtempSync(join(tmpdir(), 'openstack-rc-'));
afterAll(() => rmSync(directory, { recursive: true }));

const OVERCLOUDRC = `# Clear any old environment that may conflict.
for key in $( set | awk '{FS="="}  /^OS_/ {print $1}' ); do unset $key ; done
export NOVA_VERSION=1.1
export OS_PASSWORD='p w$"x'
export OS_AUTH_URL=https://[fd00::1]:13000/v3
export OS_USERNAME=admin
export OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME="Default" # the domain
export OS_INTERFACE=public
OS_REGION_NAME=regionOne
# export OS_CACERT=/no
# Add OS_CLOUDNAME to PS1
if [ -z "\${CLOUDPROMPT_ENABLED:-}" ]; then
    export PS1=\${PS1:-""}
    export PS1=\\$\{OS_CLOUDNAME:+"(\\$OS_CLOUDNAME)"}\\ $PS1
    export CLOUDPROMPT_ENABLED=1
fi
`;

const PARAMETERS = { auth_url: 'http://keystone:5000', login: 'admin', passwd: 'pw', tenant_name: 'admin' };

const rootFile =
  (text: string, mode = 0o100600): ReadSecretFile =>
  async () => ({ text, mode, uid: 0 });

async function problemsOf(...args: Parameters<typeof credentialsFromParameters>): Promise<string> {
  const result = await credentialsFromParameters(...args);
  if (result.ok) throw new Error('expected problems');
  return explain(result.error);
}

describe('rc files', () => {
  it.each([OVERCLOUDRC, OVERCLOUDRC.replaceAll('\n', '\r\n')])('reads an overcloudrc', (text) => {
    expect(parseRcFile(text)).toEqual({
      values: {
        OS_PASSWORD: 'p w$"x',
        OS_AUTH_URL: 'https://[fd00::1]:13000/v3',
        OS_USERNAME: 'admin',
        OS_PROJECT_NAME: 'admin',
        OS_USER_DOMAIN_NAME: 'Default',
        OS_PROJECT_DOMAIN_NAME: 'Default',
        OS_INTERFACE: 'public',
        OS_REGION_NAME: 'regionOne',
      },
      computed: [],
    });
  });

  it.each([
    ['OS_PASSWORD=a#b', 'a#b'],
    ["export OS_PASSWORD='it'\"'\"'s'", "it's"],
    ['export OS_PASSWORD="a\\"b\\$c\\d"', 'a"b$c\\d'],
    ['export OS_PASSWORD=a\\ b; export OS_X=1', 'a b'],
    ['export OS_X=1 OS_PASSWORD=2', '2'],
    ['export OS_PASSWORD=', ''],
    ['\t export   OS_PASSWORD=tab', 'tab'],
    ['OS_PASSWORD=old\nOS_PASSWORD=new', 'new'],
    ['export OS_PASSWORD=100$', '100$'],
  ])('reads %s', (text, value) => {
    expect(parseRcFile(text).values.OS_PASSWORD).toBe(value);
  });

  it.each([
    'OS_PASSWORD=$(cat /x)',
    'export OS_PASSWORD=$INPUT',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is shell
    'export OS_PASSWORD="${INPUT}"',
    'export OS_PASSWORD=`cat`',
    'export OS_PASSWORD="open',
  ])('marks %s as computed', (text) => {
    expect(parseRcFile(text)).toEqual({ values: {}, computed: ['OS_PASSWORD'] });
  });

  it('gives back every single-quoted value, and never throws', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((text) => !/[\r\n]/.test(text)),
        (text) => {
          const quoted = text.replaceAll("'", `'"'"'`);
          expect(parseRcFile(`export OS_PASSWORD='${quoted}'`).values.OS_PASSWORD).toBe(text);
          parseRcFile(text);
        },
      ),
    );
  });
});

describe('parameters', () => {
  it('takes the stock names, the internal endpoint and the default domain', async () => {
    const result = await credentialsFromParameters({ ...PARAMETERS, insecure: 'yes', region_name: '' });
    if (!result.ok || result.value.kind !== 'password') throw new Error('expected credentials');
    expect(result.value).toMatchObject({
      authUrl: 'http://keystone:5000/v3',
      username: 'admin',
      projectName: 'admin',
      userDomain: { id: 'default' },
      endpointInterface: 'internal',
      insecure: true,
    });
    expect(result.value.password.reveal()).toBe('pw');
    expect(result.value).not.toHaveProperty('regionName');
    expect(JSON.stringify(result) + inspect(result, { depth: 9, showHidden: true })).not.toContain("'pw'");
  });

  it('lets parameters override the rc file', async () => {
    const parameters = { rc_file: '/root/overcloudrc', region_name: 'other', endpoint_type: 'adminURL' };
    const result = await credentialsFromParameters(parameters, rootFile(OVERCLOUDRC));
    expect(result).toMatchObject({
      ok: true,
      value: {
        authUrl: 'https://[fd00::1]:13000/v3',
        regionName: 'other',
        endpointInterface: 'admin',
        userDomain: { name: 'Default' },
      },
    });
  });

  it.each([
    ['http://h:5000/v2.0/', 'http://h:5000/v3'],
    ['http://h:5000/', 'http://h:5000/v3'],
    ['https://h/identity', 'https://h/identity/v3'],
    ['https://h/identity/v3/', 'https://h/identity/v3'],
  ])('makes %s into %s', async (auth_url, authUrl) => {
    expect(await credentialsFromParameters({ ...PARAMETERS, auth_url })).toMatchObject({
      value: { authUrl },
    });
  });

  it('lists all problems at once and no secret', async () => {
    const line = await problemsOf({
      auth_url: 'ftp://h',
      passwd: 'hunter2',
      endpoint_type: 'x',
      insecure: 'perhaps',
    });
    for (const word of [
      'auth_url is no http',
      'username is',
      'project_name is',
      'endpoint_type must',
      'insecure must',
    ]) {
      expect(line).toContain(word);
    }
    expect(line).not.toContain('hunter2');
    expect(await problemsOf({ ...PARAMETERS, auth_url: 'http://u:hunter2@h' })).not.toContain('hunter2');
  });

  it('wants an rc file that only root can read, on a real file', async () => {
    const rc_file = join(directory, 'rc');
    writeFileSync(rc_file, OVERCLOUDRC);
    chmodSync(rc_file, 0o644);
    expect(await problemsOf({ rc_file })).toContain(`chmod 600 ${rc_file}`);
    chmodSync(rc_file, 0o600);
    expect((await credentialsFromParameters({ rc_file })).ok).toBe(true);
    const none = join(directory, 'none');
    const alone = await credentialsFromParameters({ rc_file: none, insecure: 'perhaps' });
    expect(alone).toMatchObject({ error: { problems: [`rc_file ${none} cannot be read (ENOENT)`] } });
  });

  it('says that a computed password has to be written plainly', async () => {
    const line = await problemsOf(
      { ...PARAMETERS, passwd: '', rc_file: '/rc' },
      rootFile('OS_PASSWORD=$(cat x)'),
    );
    expect(line).toContain('OS_PASSWORD is computed by a shell');
  });

  it('asks a password_script without a shell', async () => {
    const password_script = join(directory, 'password');
    writeFileSync(password_script, '#!/bin/sh\necho "from script"\n', { mode: 0o700 });
    const result = await credentialsFromParameters({ ...PARAMETERS, password_script });
    expect(result.ok && result.value.kind === 'password' && result.value.password.reveal()).toBe(
      'from script',
    );
    writeFileSync(password_script, '#!/bin/sh\necho hunter2; exit 3\n', { mode: 0o700 });
    const line = await problemsOf({ ...PARAMETERS, password_script });
    expect(line).toContain('exit status 3');
    expect(line).not.toContain('hunter2');
  });

  it('takes an application credential', async () => {
    const auth_url = 'http://h/v3';
    const parameters = { auth_url, application_credential_id: 'abc', application_credential_secret: 's' };
    const result = await credentialsFromParameters(parameters);
    expect(result).toMatchObject({
      ok: true,
      value: { kind: 'application-credential', identifier: { id: 'abc' } },
    });
  });

  it('says what is the matter with a value that cibsecret keeps and nobody filled in', async () => {
    expect(await problemsOf({ ...PARAMETERS, passwd: 'lrm://' })).toContain(
      'password is kept by cibsecret and was not filled in',
    );
  });

  it('wants a certificate for a key', async () => {
    const files = { cert_file: '/etc/c.pem', key_file: '/etc/k.pem' };
    expect(await credentialsFromParameters({ ...PARAMETERS, ...files })).toMatchObject({
      value: { clientCertificate: { certFile: '/etc/c.pem', keyFile: '/etc/k.pem' } },
    });
    expect(await credentialsFromParameters({ ...PARAMETERS, cert: '/etc/both.pem' })).toMatchObject({
      value: { clientCertificate: { certFile: '/etc/both.pem', keyFile: '/etc/both.pem' } },
    });
    expect(await problemsOf({ ...PARAMETERS, key: '/etc/k.pem' })).toContain('without cert_file');
  });
});

describe('clouds.yaml', () => {
  const CLOUDS = `
clouds:
  prod:
    auth:
      auth_url: https://keystone.example:5000
      username: admin
      password: 0815
      project_name: admin
      user_domain_name: Default
      project_domain_id: default
    region_name: RegionOne
    interface: public
    verify: false
    cert: /etc/client.pem
    identity_api_version: 3
  app:
    auth_type: v3applicationcredential
    auth: { auth_url: "https://k:5000/v3", application_credential_id: abc, application_credential_secret: s3cret }
    cacert: /etc/ca.pem
  vendor:
    profile: rackspace
`;
  const files =
    (texts: Record<string, string>, mode = 0o100600): ReadSecretFile =>
    async (path) => {
      const text = texts[path];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return { text, mode, uid: 0 };
    };
  const disk = files({ '/etc/openstack/clouds.yaml': CLOUDS });

  it('gives one of its clouds, from the usual place', async () => {
    const result = await credentialsFromParameters({ os_cloud: 'prod' }, disk);
    if (!result.ok || result.value.kind !== 'password') throw new Error('expected credentials');
    expect(result.value).toMatchObject({
      authUrl: 'https://keystone.example:5000/v3',
      username: 'admin',
      projectName: 'admin',
      userDomain: { name: 'Default' },
      projectDomain: { id: 'default' },
      regionName: 'RegionOne',
      endpointInterface: 'public',
      insecure: true,
      clientCertificate: { certFile: '/etc/client.pem' },
    });
    // A password of digits is a number to YAML, and is taken as it is written.
    expect(result.value.password.reveal()).toBe('0815');
  });

  it('gives an application credential, and lets parameters override', async () => {
    expect(
      await credentialsFromParameters(
        { os_cloud: 'app', clouds_file: '/x/clouds.yaml', region_name: 'two' },
        files({ '/x/clouds.yaml': CLOUDS }),
      ),
    ).toMatchObject({
      value: {
        kind: 'application-credential',
        identifier: { id: 'abc' },
        caFile: '/etc/ca.pem',
        regionName: 'two',
      },
    });
  });

  it('takes the password from secure.yaml, and the cloud from an rc file that names it', async () => {
    const readFile = files({
      '/rc': 'export OS_CLOUD=prod\nexport OS_REGION_NAME=other\n',
      '/etc/openstack/clouds.yaml': CLOUDS.replace('      password: 0815\n', ''),
      '/etc/openstack/secure.yaml': 'clouds: { prod: { auth: { password: "from secure" } } }',
    });
    const result = await credentialsFromParameters({ rc_file: '/rc' }, readFile);
    if (!result.ok || result.value.kind !== 'password') throw new Error('expected credentials');
    expect(result.value.password.reveal()).toBe('from secure');
    expect(result.value.regionName).toBe('other');
  });

  it.each([
    [{ os_cloud: 'none' }, disk, 'it has app, prod, vendor'],
    [{ os_cloud: 'vendor' }, disk, 'vendor profile'],
    [{ os_cloud: 'prod', clouds_file: '/no' }, disk, 'clouds_file /no cannot be read (ENOENT)'],
    [
      { os_cloud: 'prod' },
      files({ '/etc/openstack/clouds.yaml': CLOUDS }, 0o100644),
      'can be read by others',
    ],
    [{ os_cloud: 'x' }, files({ '/etc/openstack/clouds.yaml': 'a: hunter2\n  b: [' }), 'is no YAML (line '],
    [{ os_cloud: 'x' }, files({ '/etc/openstack/clouds.yaml': 'clouds: [hunter2]' }), 'is no clouds.yaml'],
    [{ os_cloud: 'x' }, files({ '/etc/openstack/clouds.yaml': 'hunter2' }), 'is no clouds.yaml'],
    [
      { os_cloud: 'x' },
      files({ '/etc/openstack/clouds.yaml': 'clouds:\n  x: { auth: { password: *hunter2 } }' }),
      'is no YAML (line 2, UNRESOLVED_ALIAS)',
    ],
    [{ os_cloud: '__proto__' }, disk, 'no cloud of that name'],
  ])('says what is wrong: %j', async (parameters, readFile, words) => {
    const line = await problemsOf(parameters, readFile);
    expect(line).toContain(words);
    expect(line).not.toContain('is missing');
    expect(line).not.toContain('hunter2');
  });

  it('is not kept long by a file that grows when it is read, and never throws', async () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]
clouds: { x: { auth: { username: *d } } }`;
    expect(await problemsOf({ os_cloud: 'x' }, files({ '/etc/openstack/clouds.yaml': bomb }))).toContain(
      'YAML',
    );
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseCloudsFile(text)));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => void parseCloudsFile(JSON.stringify({ clouds: { x: value } }))),
    );
  });
});

it.each([
  [PARAMETERS, false],
  [{ ...PARAMETERS, rc_file: '' }, false],
  [{ rc_file: '/etc/rc' }, true],
  [{ cloud: 'one' }, true],
  [{ ...PARAMETERS, clouds_file: '/etc/clouds.yaml' }, true],
  [{ ...PARAMETERS, passwd: undefined, passwd_script: '/usr/bin/password' }, true],
  [{ ...PARAMETERS, passwd: 'lrm://' }, true],
])('tells parameters that are complete from those that need this machine: %j', (parameters, expected) => {
  expect(needMachine(parameters)).toBe(expected);
});
