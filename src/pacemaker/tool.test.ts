import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explain } from './errors.ts';
import { runTool, toolEnvironment } from './tool.ts';

const directory = mkdtempSync(join(tmpdir(), 'tool-'));
const path = process.env.PATH;

function script(name: string, body: string): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(directory, name), 0o755);
}

beforeAll(() => {
  process.env.PATH = `${directory}:${path}`;
  process.env.OCF_RESKEY_CRM_meta_on_node = 'compute-1';
  process.env.PCMK_debug = 'no';
});
afterAll(() => {
  process.env.PATH = path;
  delete process.env.OCF_RESKEY_CRM_meta_on_node;
  delete process.env.PCMK_debug;
  rmSync(directory, { recursive: true });
});

describe('runTool', () => {
  it('gives exit code and output, with a clean environment and no shell', async () => {
    script('t-env', 'env; echo "[$1]"; cat; echo no >&2; exit 7');
    const result = await runTool('t-env', ['$(id) ; *'], { timeoutMs: 5000, input: 'in\n' });
    if (!result.ok) throw new Error(explain(result.error));
    expect(result.value).toMatchObject({ exitCode: 7, stderr: 'no\n' });
    expect(result.value.stdout).toContain('[$(id) ; *]\nin\n');
    expect(result.value.stdout).toContain('PCMK_debug=no');
    expect(result.value.stdout).toContain('LC_ALL=C');
    expect(result.value.stdout).not.toContain('OCF_RESKEY');
  });

  it('kills at the bound', async () => {
    script('t-hang', 'exec sleep 60');
    const begun = Date.now();
    expect(await runTool('t-hang', [], { timeoutMs: 150 })).toEqual({
      ok: false,
      error: { code: 'timeout', tool: 't-hang', afterMs: 150 },
    });
    expect(Date.now() - begun).toBeLessThan(15_000);
  });

  it('is not kept by a grandchild that holds the pipes', async () => {
    script('t-fork', 'sleep 25 & sleep 25');
    const begun = Date.now();
    expect((await runTool('t-fork', [], { timeoutMs: 150 })).ok).toBe(false);
    expect(Date.now() - begun).toBeLessThan(15_000);
  });

  it('says what is missing or died', async () => {
    expect(await runTool('t-none', [], { timeoutMs: 1000 })).toMatchObject({
      ok: false,
      error: { code: 'tool-missing' },
    });
    script('t-kill', 'kill -9 $$');
    expect(await runTool('t-kill', [], { timeoutMs: 1000 })).toMatchObject({
      ok: false,
      error: { code: 'tool-failed', detail: 'SIGKILL' },
    });
  });

  it('does not mind a tool that reads no input', async () => {
    script('t-deaf', 'exec 0<&-; exit 0');
    expect((await runTool('t-deaf', [], { timeoutMs: 5000, input: 'x'.repeat(1_000_000) })).ok).toBe(true);
  });

  it('finds the tools where PATH lacks sbin', () => {
    expect(toolEnvironment({ PATH: '/opt/x', HOME: '/root' })).toEqual({
      PATH: '/opt/x:/usr/sbin:/usr/bin:/sbin:/bin',
      LANG: 'C',
      LC_ALL: 'C',
    });
  });
});
