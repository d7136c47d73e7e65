import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CIBSECRET, SECRETS_DIRECTORY, secretFiles, withLocalSecrets } from './cib-secrets.ts';

it('reads what this node keeps, and leaves the rest as the CIB has it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'instance-ha-secrets-'));
  mkdirSync(join(directory, 'ipmilan-a'));
  writeFileSync(join(directory, 'ipmilan-a', 'password'), 'correct horse\n');
  const parameters = new Map([
    ['ip', '192.0.2.1'],
    ['password', CIBSECRET],
    ['snmp_priv_passwd', CIBSECRET],
    ['../x', CIBSECRET],
  ]);
  const resource = {
    id: 'ipmilan-a',
    agent: 'stonith:x',
    parameters,
    meta: new Map(),
    operations: [],
    clone: null,
  };
  expect([...(await withLocalSecrets(resource, directory)).parameters.values()]).toEqual([
    '192.0.2.1',
    'correct horse',
    CIBSECRET,
    CIBSECRET,
  ]);
  rmSync(directory, { recursive: true });
});

it('has the two files that Pacemaker wants', () => {
  expect(secretFiles('ipmilan-a', 'password', 'test')).toEqual([
    { path: `${SECRETS_DIRECTORY}/ipmilan-a/password`, text: 'test\n' },
    { path: `${SECRETS_DIRECTORY}/ipmilan-a/password.sign`, text: '098f6bcd4621d373cade4e832627b4f6\n' },
  ]);
});
