import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CIB, pacemakerResult } from '../pacemaker/fixtures.ts';

/** The bundled agents as Pacemaker runs them: processes, with small scripts on PATH in place of its tools. */
const directory = mkdtempSync(join(tmpdir(), 'agents-'));
const bin = join(directory, 'bin');
const fenceCompute = join(directory, 'fence_compute');
const computeWait = join(directory, 'nova-compute-wait');

async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    banner: { js: '#!/usr/bin/env node' },
    logLevel: 'silent',
  });
  chmodSync(outfile, 0o755);
}

function shim(name: string, body: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\nS=${directory}\necho "${name} $*" >> $S/calls\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

function run(
  file: string,
  args: string[],
  input: string,
  env: Record<string, string> = {},
  signalAfterMs?: number,
): Promise<Ended> {
  return new Promise((resolve) => {
    const begun = Date.now();
    const child = spawn(file, args, { env: { PATH: `${bin}:${process.env.PATH}`, ...env }, stdio: 'pipe' });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    if (signalAfterMs !== undefined) setTimeout(() => child.kill('SIGTERM'), signalAfterMs);
    child.on('close', (code) => resolve({ code, out, err, ms: Date.now() - begun }));
  });
}

beforeAll(async () => {
  mkdirSync(bin);
  await bundle('src/agents/fence_compute.main.ts', fenceCompute);
  await bundle('src/agents/nova-compute-wait.main.ts', computeWait);
  writeFileSync(
    join(directory, 'cib.xml'),
    CIB.replace(/<nvpair id="nodes-compute-1-instance-ha-incident"[^>]*>/, ''),
  );
  shim('cibadmin', 'cat $S/cib.xml');
  // Writes keep the value; reads give it back, as XML.
  shim(
    'crm_attribute',
    `case "$*" in *--update*) for v; do :; done; echo "$v" > $S/incident;; *) [ -e $S/incident ] || exit 105
     echo "${pacemakerResult('<attribute name=\\"instance-ha-incident\\" value=\\"@\\"/>')
       .replaceAll('"1.0"', '1.0')
       .replaceAll(/(?<!\\)"/g, '\\"')}" | sed "s/@/$(cat $S/incident)/";; esac`,
  );
  shim(
    'attrd_updater',
    `[ -z "$OCF_RESKEY_CRM_meta_on_node" ] || exit 99
     case "$2 $*" in
     evacuate*-U*) touch $S/mark;;
     evacuate*) [ -e $S/mark ] || exit 78; echo '${pacemakerResult('<attribute name="evacuate" value="yes" host="compute-1"/>')}';;
     instance-ha-hold*-U*) for v; do :; done; echo "$v" > $S/hold;;
     instance-ha-hold*) [ -e $S/hold ] || exit 78; echo '${pacemakerResult('<attribute name="instance-ha-hold" value="@" host="compute-1"/>')}' | sed "s/@/$(cat $S/hold)/";;
     instance-ha-release*) [ -e $S/release ] || exit 78; echo '${pacemakerResult('<attribute name="instance-ha-release" value="released @" host="compute-1"/>')}' | sed "s/@/$(cat $S/hold)/";;
     esac`,
  );
}, 60_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('fence_compute as a process', () => {
  it('records an off and takes no part of undici with it', async () => {
    const result = await run(
      fenceCompute,
      [],
      'action=off\nplug=compute-1\nnodename=compute-1\npassword=s3cret\n',
      { OCF_RESKEY_CRM_meta_on_node: 'x' },
    );
    expect(result).toMatchObject({ code: 0, out: '' });
    expect(result.err).not.toContain('s3cret');
    expect(readFileSync(join(directory, 'incident'), 'utf8')).toMatch(
      /^v=1,id=[a-z0-9]{8,},at=.*,by=operator,on=/,
    );
    expect(existsSync(join(directory, 'mark'))).toBe(true);
    expect(await run(fenceCompute, ['-o', 'status', '-n', 'compute-1'], '')).toMatchObject({
      code: 2,
      out: 'Status: OFF\n',
    });
  });

  it('prints metadata, help, version and list', async () => {
    expect((await run(fenceCompute, ['-o', 'metadata'], '')).out).toContain(
      '<resource-agent name="fence_compute"',
    );
    expect((await run(fenceCompute, [], 'action=metadata\n')).code).toBe(0);
    expect((await run(fenceCompute, ['-h'], '')).out).toContain('--plug=[id]');
    expect((await run(fenceCompute, ['-V'], '')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await run(fenceCompute, ['-o', 'list'], '')).out).toBe(
      'compute-1,\ncompute-2.example.org,\ncompute-3,\n',
    );
  });

  it('says one line and no stack for what it cannot do', async () => {
    for (const args of [
      ['--nonsense'],
      ['-o', 'explode'],
      ['-o', 'off', '-n', 'nobody'],
      ['-o', 'validate-all', '--auth-url', 'nonsense', '-l', 'me'],
    ]) {
      const result = await run(fenceCompute, args, '');
      expect(result.code).toBe(1);
      expect(result.err).toMatch(/^fence_compute: [^\n]+\n$/);
    }
  });

  it('writes its debug file without secrets', async () => {
    const file = join(directory, 'debug');
    await run(
      fenceCompute,
      [],
      `action=status\nplug=compute-1\npassword=s3cret\nverbose=1\ndebug_file=${file}\nhunter2\n`,
    );
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('parameters action, plug, password');
    expect(text).not.toMatch(/s3cret|hunter2/);
  });

  it('survives garbage on standard input', async () => {
    shim('cibadmin', 'exit 102');
    const result = await run(fenceCompute, [], '\u0000\u0001=\n====\naction\n');
    shim('cibadmin', 'cat $S/cib.xml');
    expect(result).toMatchObject({ code: 1, err: expect.stringMatching(/no node given/) });
    expect(result.ms).toBeLessThan(20_000);
    expect(result.err).not.toContain('    at ');
  });
});

describe('nova-compute-wait as a process', () => {
  const env = {
    OCF_RESOURCE_INSTANCE: 'wait',
    OCF_RESKEY_CRM_meta_on_node: 'compute-1',
    HA_RSCTMP: join(directory, 'state'),
  };

  it('holds, is released, is monitored and stops', async () => {
    const held = await run(computeWait, ['start'], '', { ...env, OCF_RESKEY_evacuation_delay: '1' });
    expect(held.code).toBe(1);
    expect(held.err).toMatch(
      /^ocf-exit-reason:nova-compute held back for 1 s and not released: no answer from nova-evacuate[^\n]*\n$/,
    );
    expect((await run(computeWait, ['monitor'], '', env)).code).toBe(7);
    writeFileSync(join(directory, 'release'), '');
    expect(await run(computeWait, ['start'], '', env)).toMatchObject({ code: 0, err: '' });
    expect((await run(computeWait, ['monitor'], '', env)).code).toBe(0);
    expect((await run(computeWait, ['stop'], '', env)).code).toBe(0);
    expect((await run(computeWait, ['monitor'], '', env)).code).toBe(7);
    rmSync(join(directory, 'release'));
  });

  it('ends promptly at SIGTERM, also while the tool hangs', async () => {
    shim('attrd_updater', 'exec sleep 40');
    const result = await run(computeWait, ['start'], '', env, 700);
    expect(result.code).toBe(1);
    expect(result.err).toContain('SIGTERM');
    expect(result.ms).toBeLessThan(20_000);
  });

  it('answers meta-data without an environment', async () => {
    expect((await run(computeWait, ['meta-data'], '')).out).toContain(
      '<resource-agent name="nova-compute-wait"',
    );
  });
});
