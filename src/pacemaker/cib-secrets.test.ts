import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CIBSECRET, SECRETS_DIRECTORY, secretFiles, withLocalSecrets } from './cib-secrets.ts';

it('reads what this node keeps with its sum, and leaves the rest as the CIB has it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'instance-ha-secrets-'));
  mkdirSync(join(directory, 'ipmilan-a'));
  const keep = (name: string, value: string, signed: string): void => {
    const files = [value, secretFiles('ipmilan-a', name, signed)[1]?.text ?? ''];
    for (const [i, text] of files.entries())
      writeFileSync(join(directory, 'ipmilan-a', i === 0 ? name : `${name}.sign`), text);
  };
  keep('password', 'correct horse\n', 'correct horse');
  // Changed by hand: Pacemaker does not take it.
  keep('passwd', 'new\n', 'old');
  const parameters = new Map([
    ['ip', '192.0.2.1'],
    ['password', CIBSECRET],
    ['passwd', CIBSECRET],
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
