import { describe, expect, it } from 'vitest';
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
    expect(file).toMatchObject({ ok: false, error: '/c has no cloud other; there is overcloud' });
  });

  it('quotes for a shell', () => {
    expect(shellQuote('plain-1.2')).toBe('plain-1.2');
    expect(shellQuote("a'b c")).toBe("'a'\\''b c'");
  });
});
