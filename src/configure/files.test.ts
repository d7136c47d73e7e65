import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Secret } from '../openstack/secret.ts';
import { fileState, filesOf, writeSecretFile } from './files.ts';
import { itemsOf } from './model.ts';
import { pcsCommands } from './render-commands.ts';
import { testInput } from './testing.ts';

const directory = mkdtempSync(join(tmpdir(), 'instance-ha-files-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('files with secrets', () => {
  it('are for their owner alone, also where another one was there', async () => {
    const file = {
      path: join(directory, 'sub/overcloudrc'),
      mode: 0o600 as const,
      content: new Secret('a\n'),
      what: 'x',
    };
    expect(await fileState(file)).toBe('missing');
    await writeSecretFile(file);
    expect(await fileState(file)).toBe('same');
    chmodSync(file.path, 0o644);
    expect(await fileState(file)).toBe('differs');
    writeFileSync(file.path, 'b\n');
    await writeSecretFile(file);
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    expect(await fileState(file)).toBe('same');
  });

  it('print a password as it is, whatever is in it', async () => {
    const input = await testInput();
    const password = "it's $(not) `run` \\n %s";
    const computes = input.computes.map((compute) =>
      compute.fencing.kind === 'device'
        ? {
            ...compute,
            fencing: {
              kind: 'device' as const,
              device: {
                ...compute.fencing.device,
                password: {
                  kind: 'file' as const,
                  path: join(directory, compute.name),
                  secret: new Secret(password),
                },
              },
            },
          }
        : compute,
    );
    const [script] = filesOf({ ...input, computes }, null);
    if (script === undefined) throw new Error('no file');
    await writeSecretFile(script);
    expect(execFileSync(script.path, { encoding: 'utf8' })).toBe(`${password}\n`);
  });

  it('are what cibsecret would write, where it is to keep the passwords', async () => {
    const input = await testInput('minimal', {}, 'bmc_passwords: cibsecret\n');
    const files = filesOf(input, null);
    expect(files.map(({ path }) => path)).toContain(
      '/var/lib/pacemaker/lrm/secrets/ipmilan-compute-0/password.sign',
    );
    expect(files.every(({ mode }) => mode === 0o600)).toBe(true);
    const device = itemsOf(input).find((item) => item.kind === 'resource' && item.id === 'ipmilan-compute-0');
    expect(device).toMatchObject({ parameters: { password: 'lrm://' } });
    expect(pcsCommands(itemsOf(input)).join('\n')).toContain('password=lrm://');
  });
});
