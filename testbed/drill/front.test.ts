import { existsSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FrontEvent } from './events.ts';
import { type Front, openFront } from './front.ts';
import { rigOf } from './rig.ts';
import { waitOrThrow } from './run.ts';
import { RIG_ENV } from './testing.ts';

/** The front is a program of the testbed: it needs Linux (the second loopback address too) and the system's Python. */
const isPossible = process.platform === 'linux' && existsSync('/usr/bin/python3');
const ADDRESS = '127.0.0.2';
const GOOD = 'good-token';

interface Answer {
  readonly status: number;
  readonly text: string;
}

function ask(port: number, method: string, path: string, token = GOOD): Promise<Answer> {
  return new Promise((done, failed) => {
    const headers = { 'x-auth-token': token };
    const sent = request({ host: ADDRESS, port, method, path, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => done({ status: answer.statusCode ?? 0, text }));
    });
    sent.on('error', failed);
    sent.end();
  });
}

describe.skipIf(!isPossible)('the front before nova-api', () => {
  const seen: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  const events: FrontEvent[] = [];
  let nova: Server;
  let port = 0;
  let front: Front;
  const open = async (controller = '127.0.0.1'): Promise<void> => {
    const rig = rigOf(RIG_ENV);
    front = await openFront(
      {
        ...rig,
        dir: resolve(import.meta.dirname, '..'),
        novaApi: { address: ADDRESS, port },
        addresses: new Map([[controller, 'controller-1']]),
      },
      (event) => events.push(event),
    );
  };
  const evacuate = (n: number): Promise<Answer> => ask(port, 'POST', `/v2.1/servers/s${n}/action`);
  const saw = (what: FrontEvent['what']): Promise<FrontEvent> =>
    waitOrThrow(what, () => events.find((event) => event.what === what) ?? null, {
      timeoutMs: 5_000,
      intervalMs: 20,
      signal: new AbortController().signal,
    });

  beforeEach(async () => {
    seen.length = 0;
    events.length = 0;
    nova = createServer((incoming, answer) => {
      seen.push({ path: incoming.url ?? '', headers: incoming.headers });
      const isKnown = incoming.headers['x-auth-token'] === GOOD;
      answer.writeHead(isKnown ? 200 : 401, { 'content-type': 'text/plain' }).end(incoming.url);
    });
    await new Promise<void>((listening) => nova.listen(0, '127.0.0.1', listening));
    port = (nova.address() as AddressInfo).port;
  });
  afterEach(async () => {
    await front.close();
    await new Promise((closed) => nova.close(closed));
  });

  it('passes requests on, with the client’s address and one token', async () => {
    await open();
    expect(await ask(port, 'GET', '/v2.1/servers?limit=1')).toEqual({
      status: 200,
      text: '/v2.1/servers?limit=1',
    });
    expect(seen[0]?.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'x-auth-token': GOOD });
  });
  it('loses the answer that it is told to lose, after Nova has taken the request', async () => {
    await open();
    front.tell('lose 2');
    await saw('told');
    expect((await evacuate(1)).status).toBe(200);
    await expect(evacuate(2)).rejects.toThrow();
    expect((await evacuate(3)).status).toBe(200);
    expect(seen.map(({ path }) => path)).toEqual([1, 2, 3].map((n) => `/v2.1/servers/s${n}/action`));
    expect(await saw('lost')).toMatchObject({ client: '127.0.0.1', path: '/v2.1/servers/s2/action' });
  });
  it('refuses for a while, and passes nothing on meanwhile', async () => {
    await open();
    front.tell('refuse 1 0.5');
    await saw('told');
    expect((await evacuate(1)).status).toBe(200);
    expect((await evacuate(2)).status).toBe(503);
    expect((await ask(port, 'GET', '/v2.1/servers')).status).toBe(503);
    expect(seen).toHaveLength(1);
    await saw('open');
    expect((await evacuate(2)).status).toBe(200);
    expect(events.map(({ what }) => what)).toEqual(['told', 'closed', 'refused', 'refused', 'open']);
  });
  it('makes the tokens invalid that it has seen, and no others', async () => {
    await open();
    await ask(port, 'GET', '/a', 'old-token');
    front.tell('spoil');
    await saw('spoilt');
    expect((await ask(port, 'GET', '/b')).status).toBe(200);
    front.tell('spoil');
    await waitOrThrow(
      'second spoil',
      () => (events.filter((e) => e.what === 'spoilt').length === 2 ? true : null),
      {
        timeoutMs: 5_000,
        intervalMs: 20,
        signal: new AbortController().signal,
      },
    );
    expect((await ask(port, 'GET', '/c')).status).toBe(401);
    expect(await saw('unauthorized')).toMatchObject({ path: '/c', status: 401 });
  });
  it('spoils nothing for others than the controllers', async () => {
    await open('10.99.0.11');
    front.tell('lose 1');
    front.tell('refuse 1 60');
    await saw('told');
    expect((await evacuate(1)).status).toBe(200);
    expect((await evacuate(2)).status).toBe(200);
  });
});
