import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeCertificate } from '../openstack/testing.ts';
import { readAccess } from './access.ts';

const TOKEN = 'a-token-of-more-than-24-characters';
let dir: string;
let own: ReturnType<typeof makeCertificate>;
let other: ReturnType<typeof makeCertificate>;

beforeAll(() => {
  own = makeCertificate();
  other = makeCertificate();
});
afterAll(() => {
  own.remove();
  other.remove();
  rmSync(dir, { recursive: true, force: true });
});

const file = (name: string): string => join(dir, name);
const write = (name: string, text: string): void => writeFileSync(file(name), text, { mode: 0o600 });
const read = async (): Promise<string> => {
  const access = await readAccess({
    listen: '0.0.0.0:7475',
    tlsCert: file('cert'),
    tlsKey: file('key'),
    tokenFile: file('token'),
  });
  return access.ok ? 'good' : access.error;
};

beforeEach(() => {
  if (dir !== undefined) rmSync(dir, { recursive: true });
  dir = mkdtempSync(join(tmpdir(), 'instance-ha-access-'));
  write('cert', own.cert);
  write('key', own.key);
  write('token', `${TOKEN}\n`);
});

describe('certificate, key and token', () => {
  it('are taken when they fit', async () => {
    // What everybody is shown may be read by everybody.
    chmodSync(file('cert'), 0o644);
    expect(await read()).toBe('good');
  });

  it.each([
    ['of another certificate', () => other.key],
    ['that is garbage', () => 'garbage'],
    [
      'with a passphrase',
      () =>
        execFileSync('openssl', ['pkey', '-aes256', '-passout', 'pass:s3cret'], {
          input: own.key,
          encoding: 'utf8',
        }),
    ],
  ])('a key %s is refused by its name', async (_, key) => {
    write('key', key());
    expect(await read()).toMatch(
      /^http_tls_key \S+key can't be used with http_tls_cert \S+cert \([A-Z0-9_]+\): .*without a passphrase$/,
    );
  });

  it.each(['key', 'token'])('a %s that others can read is refused, with what to do', async (name) => {
    for (const mode of [0o640, 0o604, 0o644]) {
      chmodSync(file(name), mode);
      expect(await read()).toMatch(new RegExp(`^http_\\w+: \\S+${name} can be read by others: chmod 600 `));
    }
  });

  it.skipIf(process.getuid?.() !== 0)('a key that belongs to somebody else is refused', async () => {
    chownSync(file('key'), 65_534, 65_534);
    expect(await read()).toMatch(/^http_tls_key: \S+ belongs to uid 65534: chown root /);
  });

  it('a file that is not there is named', async () => {
    rmSync(file('token'));
    expect(await read()).toMatch(/^http_token_file: \S+token can't be read \(ENOENT\)$/);
  });
});
