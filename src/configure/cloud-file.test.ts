import { describe, expect, it } from 'vitest';
import { credentialsFromParameters } from '../openstack/credentials.ts';
import { parseRcFile } from '../openstack/rcfile.ts';
import { credentialsFile, shellQuote } from './cloud-file.ts';

const CLOUDS = `
clouds:
  overcloud:
    auth: { auth_url: 'https://cloud:13000', username: admin, project_name: admin, user_domain_name: Default, project_domain_name: Default }
    region_name: regionOne
    interface: internal
    verify: false
`;
const SECURE = 'clouds: { overcloud: { auth: { password: "it\'s $HOME" } } }';

describe('the file with credentials', () => {
  it('comes from a clouds.yaml and its secure.yaml, and reads back the same', async () => {
    const file = await credentialsFile(
      { kind: 'clouds', path: '/etc/clouds.yaml', cloud: 'overcloud' },
      async (path) => (path.endsWith('secure.yaml') ? SECURE : CLOUDS),
    );
    if (!file.ok) throw new Error(file.error);
    expect(parseRcFile(file.value)).toEqual({
      computed: [],
      values: {
        OS_AUTH_URL: 'https://cloud:13000',
        OS_USERNAME: 'admin',
        OS_PASSWORD: "it's $HOME",
        OS_PROJECT_NAME: 'admin',
        OS_USER_DOMAIN_NAME: 'Default',
        OS_PROJECT_DOMAIN_NAME: 'Default',
        OS_REGION_NAME: 'regionOne',
        OS_INTERFACE: 'internal',
        OS_INSECURE: 'true',
      },
    });
  });

  it('leaves out nothing that the agents would heed in that clouds.yaml, and says the same of what they refuse', async () => {
    const auth =
      'auth: { auth-url: "https://cloud:13000", username: 0123, password: 0000, tenant_name: admin, domain_name: Default, "x y;reboot": z }';
    const clouds = `
clouds:
  tls: { ${auth}, cacert: /etc/ca.pem, cert: /etc/c.pem, key: /etc/k.pem, insecure: true, endpoint_type: publicURL }
  bundle: { ${auth}, verify: /etc/bundle.pem }
  vendor: { ${auth}, profile: rackspace }
`;
    const read = async (path: string): Promise<string> => {
      if (path === '/etc/openstack/clouds.yaml') return clouds;
      throw new Error('no such file');
    };
    const files = async (path: string) => ({ text: await read(path), mode: 0o100600, uid: 0 });
    for (const cloud of ['tls', 'bundle']) {
      const made = await credentialsFile({ kind: 'clouds', path: '/etc/openstack/clouds.yaml', cloud }, read);
      if (!made.ok) throw new Error(made.error);
      expect(parseRcFile(made.value).computed).toEqual([]);
      expect(made.value).not.toContain('reboot');
      const [fromFile, directly] = await Promise.all([
        credentialsFromParameters({ rc_file: '/rc' }, async () => ({
          text: made.value,
          mode: 0o100600,
          uid: 0,
        })),
        credentialsFromParameters({ os_cloud: cloud }, files),
      ]);
      if (!fromFile.ok || !directly.ok) throw new Error('expected credentials');
      expect(fromFile.value).toEqual(directly.value);
      expect(fromFile.value).toMatchObject({
        username: '0123',
        projectName: 'admin',
        userDomain: { name: 'Default' },
        projectDomain: { name: 'Default' },
        ...(cloud === 'tls'
          ? {
              caFile: '/etc/ca.pem',
              clientCertificate: { certFile: '/etc/c.pem', keyFile: '/etc/k.pem' },
              insecure: true,
              endpointInterface: 'public',
            }
          : { caFile: '/etc/bundle.pem', insecure: false }),
      });
      expect('password' in fromFile.value && fromFile.value.password.reveal()).toBe('0000');
    }
    const source = { kind: 'clouds', path: '/etc/openstack/clouds.yaml', cloud: 'vendor' } as const;
    expect(await credentialsFile(source, read)).toMatchObject({
      ok: false,
      error: expect.stringContaining(
        'cloud vendor: /etc/openstack/clouds.yaml takes its values from a vendor profile',
      ),
    });
  });

  it('is not made of what is no YAML, and nothing of that is told', async () => {
    const source = { kind: 'clouds', path: '/c/clouds.yaml', cloud: 'overcloud' } as const;
    const broken = 'clouds: { overcloud: { auth: { password: *S3cretPw } } }';
    for (const [wrong, texts] of [
      ['/c/clouds.yaml', [broken, SECURE]],
      ['/c/secure.yaml', [CLOUDS, broken]],
    ] as const) {
      const file = await credentialsFile(source, async (path) =>
        path.endsWith('secure.yaml') ? texts[1] : texts[0],
      );
      expect(file).toMatchObject({ error: expect.stringContaining(`${wrong} is no YAML (line 1`) });
      expect(JSON.stringify(file)).not.toContain('S3cretPw');
    }
  });

  it('comes from an rc file, v2 or v3, without what a shell would do', async () => {
    const rc = (text: string) => credentialsFile({ kind: 'rc', path: '/rc' }, async () => text);
    expect(
      await rc('export OS_AUTH_URL="http://k:5000/v2.0"\nOS_TENANT_NAME=admin\nexport PS1="x"\n'),
    ).toEqual({
      ok: true,
      value: 'export OS_AUTH_URL=http://k:5000/v2.0\nexport OS_TENANT_NAME=admin\n',
    });
    expect(await rc('export OS_AUTH_URL=x OS_PASSWORD=$(pass)')).toMatchObject({
      ok: false,
      error: expect.stringContaining('OS_PASSWORD'),
    });
    expect(await rc('OS_USERNAME=admin')).toMatchObject({
      ok: false,
      error: expect.stringContaining('auth_url'),
    });
  });

  it('names the clouds that there are', async () => {
    const file = await credentialsFile({ kind: 'clouds', path: '/c', cloud: 'other' }, async () => CLOUDS);
    expect(file).toMatchObject({
      ok: false,
      error: 'cloud other: /c has no cloud of that name; it has overcloud',
    });
  });

  it('quotes for a shell', () => {
    expect(shellQuote('plain-1.2')).toBe('plain-1.2');
    expect(shellQuote("a'b c")).toBe("'a'\\''b c'");
  });
});
