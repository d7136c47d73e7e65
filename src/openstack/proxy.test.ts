import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { proxyFor } from './proxy.ts';
import { keystoneError, startFakeCloud } from './testing.ts';
import { createTransport } from './transport.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('which proxy', () => {
  const to = (url: string, environment: Record<string, string>) => proxyFor(new URL(url), environment);

  it.each([
    ['http://k:5000/v3', { http_proxy: 'http://p:3128' }, 'http://p:3128'],
    ['https://k:5000/v3', { http_proxy: 'http://p:3128' }, null],
    ['https://k:5000/v3', { HTTPS_PROXY: 'p:3128' }, 'http://p:3128'],
    ['https://k:5000/v3', { https_proxy: 'http://low:1', HTTPS_PROXY: 'http://up:1' }, 'http://low:1'],
    ['https://k/v3', { ALL_PROXY: 'http://p:1' }, 'http://p:1'],
    ['https://k/v3', { https_proxy: 'socks5://p:1' }, null],
    ['https://k/v3', { https_proxy: '' }, null],
  ])('%s with %j: %s', (url, environment, proxy) => {
    expect(to(url, environment)).toBe(proxy);
  });

  it.each([
    ['https://k.example:5000/', 'k.example', true],
    ['https://k.example:5000/', 'example', true],
    ['https://k.example:5000/', '.example', true],
    ['https://k.example:5000/', '*.example', true],
    ['https://k.example:5000/', 'ample', false],
    ['https://k.example:5000/', 'a, k.example:5000', true],
    ['https://k.example:5000/', 'k.example:13000', false],
    ['https://k.example/', 'k.example:443', true],
    ['https://10.1.2.3/', '10.1.0.0/16', true],
    ['https://10.2.2.3/', '10.1.0.0/16', false],
    ['https://10.2.2.3/', '10.1.0.0/99', false],
    ['https://[fd00::1]:5000/', 'fd00::1', true],
    ['https://[fd00::1]:5000/', '[fd00::1]:5000', true],
    ['https://[fd00::1]:5000/', 'fd00::/8', true],
    ['https://anything/', '*', true],
    ['https://anything/', '', false],
  ])('%s is excepted by no_proxy=%s: %s', (url, no_proxy, excepted) => {
    expect(to(url, { https_proxy: 'http://p:1', no_proxy })).toBe(excepted ? null : 'http://p:1');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.webUrl(),
        (no_proxy, url) => void to(url, { https_proxy: no_proxy, no_proxy }),
      ),
    );
  });
});

it('goes through a proxy, and answers as without one', async () => {
  const cloud = await startFakeCloud({ handle: () => keystoneError(404, 'nothing here') });
  cleanups.push(() => cloud.close());
  const tunnels: string[] = [];
  const proxy = createServer((_, response) => response.writeHead(405).end());
  proxy.on('connect', (asked: { url: string }, client) => {
    tunnels.push(asked.url);
    const [host, port] = asked.url.split(':');
    const server = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    for (const end of [server, client]) end.on('error', () => {});
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => proxy.close());
  const transport = createTransport({
    tls: {},
    insecure: false,
    limits: { connectTimeoutMs: 2000, maxBodyBytes: 1000, maxConnectionsPerOrigin: 2 },
    environment: { http_proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` },
  });
  cleanups.push(() => transport.close());
  for (const method of ['GET', 'POST']) {
    const answer = await transport.send({ method, url: `${cloud.url}/x`, headers: {}, timeoutMs: 5000 });
    expect(answer).toMatchObject({ ok: true, value: { status: 404 } });
  }
  expect(tunnels.length).toBe(2);
  expect(new Set(tunnels)).toEqual(new Set([cloud.url.replace('http://', '')]));
});
