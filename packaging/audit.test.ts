import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const cache = mkdtempSync(join(tmpdir(), 'instance-ha-audit-'));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** What npm asks of a package that has an advisory: which versions there are. */
const { version } = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages['node_modules/undici'];
const PACKUMENT = JSON.stringify({
  name: 'undici',
  'dist-tags': { latest: version },
  versions: { [version]: { name: 'undici', version, dist: { tarball: 'http://127.0.0.1/x.tgz' } } },
});

/** `npm run audit` with a registry that answers so; what it was asked for too. */
async function audited(status: number, body: string): Promise<Ended & { readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const registry = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(request.method === 'GET' ? PACKUMENT : body);
  }).listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const { port } = registry.address() as AddressInfo;
  const npm_config_registry = `http://127.0.0.1:${port}/`;
  const env = { ...process.env, npm_config_registry, npm_config_cache: cache, npm_config_fetch_retries: '0' };
  try {
    return await new Promise((resolve) => {
      const child = execFile(process.execPath, ['scripts/audit.mjs'], { env }, (_error, out, err) =>
        resolve({ code: child.exitCode, out, err, asked }),
      );
    });
  } finally {
    registry.close();
  }
}

describe('npm run audit', () => {
  it('is clean when the registry knows of nothing', async () => {
    const { code, out, asked } = await audited(200, '{}');
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/no known vulnerability in \d+ packed packages/),
    });
    expect(asked[0]).toContain('/security/advisories/bulk');
  }, 60_000);

  it('fails for a vulnerability of what is packed, by its name', async () => {
    const advisory = {
      id: 1,
      url: 'https://example.org/1',
      title: 'x',
      severity: 'high',
      vulnerable_versions: '<99',
      cwe: [],
      cvss: { score: 0, vectorString: null },
    };
    const { code, err } = await audited(200, JSON.stringify({ undici: [advisory] }));
    expect(code).toBe(1);
    expect(err).toMatch(/^audit: undici \S.*: high; /);
  }, 60_000);

  it.each([405, 503])('says that it was skipped when the registry answers %d', async (status) => {
    const { code, err } = await audited(status, '');
    expect(code).toBe(77);
    expect(err).toContain(`SKIPPED, the registry could not be asked: ${status}`);
    expect(err).toContain('SBOM');
  }, 60_000);
});
