import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type CloudError, explain } from './errors.ts';
import { preflight } from './preflight.ts';
import { failure, type Result } from './result.ts';
import { Secret } from './secret.ts';
import { createSession, type Session, type SessionOptions } from './session.ts';
import {
  type FakeCloud,
  type FakeCloudOptions,
  keystoneError,
  makeCertificate,
  startFakeCloud,
  testCredentials,
} from './testing.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function cloudWith(options: FakeCloudOptions = {}): Promise<FakeCloud> {
  const cloud = await startFakeCloud(options);
  cleanups.push(() => cloud.close());
  return cloud;
}

function sessionOf(cloud: { url: string }, changes = {}, options: SessionOptions = {}): Session {
  const session = createSession(testCredentials(cloud.url, changes), options);
  cleanups.push(() => session.close());
  return session;
}

function errorOf(result: Result<unknown>): CloudError {
  if (result.ok) throw new Error('expected an error');
  return result.error;
}

const GET = { method: 'GET', path: '/thing' } as const;
const POST = { method: 'POST', path: '/thing', body: { a: 1 } } as const;

/** Answers /compute/v2.1/thing for whoever has a valid token. */
function thing(cloud: () => FakeCloud, answer: Parameters<typeof respond>[1] = {}): FakeCloudOptions {
  return {
    handle: (request) => (isThing(request) ? respond(cloud().tokens.has(tokenOf(request)), answer) : null),
  };
}
const isThing = (request: { path: string }) => request.path === '/compute/v2.1/thing';
const tokenOf = (request: { headers: Record<string, unknown> }) => String(request.headers['x-auth-token']);
function respond(valid: boolean, answer: { status?: number; body?: unknown }) {
  return valid ? { body: { done: true }, ...answer } : { status: 401, body: '' };
}

describe('tokens', () => {
  it('logs in once for many requests at once and tells the server clock', async () => {
    let cloud!: FakeCloud;
    cloud = await cloudWith(thing(() => cloud));
    const session = sessionOf(cloud);
    const answers = await Promise.all(Array.from({ length: 12 }, () => session.request('compute', GET)));
    expect(answers.every((answer) => answer.ok)).toBe(true);
    expect(cloud.tokensIssued()).toBe(1);
    expect(session.counts()).toEqual(
      new Map([
        ['identity', 1],
        ['compute', 12],
      ]),
    );
    const [first] = answers;
    expect(first?.ok && Math.abs((first.value.date ?? 0) - Date.now())).toBeLessThan(5000);
  });

  it('renews before the end of a short life, once for all', async () => {
    let cloud!: FakeCloud;
    cloud = await cloudWith({ ...thing(() => cloud), tokenLifeMs: 10_000 });
    let now = 1_000_000;
    const session = sessionOf(cloud, {}, { now: () => now });
    await session.request('compute', GET);
    now += 7_900;
    await session.request('compute', GET);
    expect(cloud.tokensIssued()).toBe(1);
    now += 200;
    await Promise.all([session.request('compute', GET), session.request('compute', GET)]);
    expect(cloud.tokensIssued()).toBe(2);
  });

  it('renews once when many requests get a 401, and a POST goes through too', async () => {
    let cloud!: FakeCloud;
    cloud = await cloudWith(thing(() => cloud));
    const session = sessionOf(cloud);
    await session.request('compute', GET);
    cloud.tokens.clear();
    const asked = [GET, POST, GET, POST, GET].map((each) => session.request('compute', each));
    expect((await Promise.all(asked)).every((answer) => answer.ok)).toBe(true);
    expect(cloud.tokensIssued()).toBe(2);
  });

  it('gives up after a second 401', async () => {
    const cloud = await cloudWith({
      handle: (request) => (isThing(request) ? { status: 401, body: '' } : null),
    });
    const error = errorOf(await sessionOf(cloud).request('compute', POST));
    expect(error).toMatchObject({ code: 'http', status: 401, effect: 'none' });
    expect(cloud.tokensIssued()).toBe(2);
  });

  it('leaves the second try after a 401 only what is left of its time, by the timers it was given', async () => {
    let cloud!: FakeCloud;
    let mono = 0;
    cloud = await cloudWith({
      handle: (request) => {
        if (!isThing(request)) return null;
        mono += 600;
        return respond(cloud.tokens.has(tokenOf(request)), {});
      },
    });
    const waits: number[] = [];
    const timers = {
      mono: () => mono,
      after(ms: number) {
        waits.push(ms);
        return () => {};
      },
    };
    const session = sessionOf(cloud, {}, { timers });
    await session.request('compute', GET);
    cloud.tokens.clear();
    expect(await session.request('compute', { ...GET, timeoutMs: 1000 })).toMatchObject({ ok: true });
    expect(waits.slice(-2)).toEqual([1000, 400]);
    cloud.tokens.clear();
    const late = await session.request('compute', { ...GET, timeoutMs: 500 });
    expect(errorOf(late)).toMatchObject({ code: 'timeout', afterMs: 500 });
  });

  it('asks Keystone once for a refused login that many need', async () => {
    const cloud = await cloudWith({ password: 'another' });
    const session = sessionOf(cloud);
    for (let i = 0; i < 5; i += 1) await session.request('compute', GET);
    expect(cloud.tokensIssued()).toBe(1);
  });

  it('says which login was refused', async () => {
    const cloud = await cloudWith({ password: 'another' });
    const error = errorOf(await sessionOf(cloud).identity());
    expect(error).toMatchObject({ code: 'auth-refused', certainty: 'definite' });
    expect(explain(error)).toMatch(/user admin \(domain Default\).*check username, password, project_name/);
  });

  it.each([
    [300, '{"versions": {"values": []}}', 'not-keystone', 'definite'],
    [200, '<html><body>It works!</body></html>', 'not-keystone', 'definite'],
    // Keystone itself has nothing at this path.
    [404, '{"error": {"code": 404, "message": "Could not find"}}', 'not-keystone', 'definite'],
    // A proxy, or a web server, whose Keystone is away.
    [404, '<html>not found</html>', 'not-keystone', 'passing'],
    [401, '<html>proxy login</html>', 'not-keystone', 'passing'],
    [201, '<html>?</html>', 'bad-answer', 'passing'],
    [201, '{"token": {}}', 'bad-answer', 'passing'],
    [503, 'busy', 'http', 'passing'],
  ])('takes a %i %s at auth_url for %s, %s', async (status, body, code, certainty) => {
    const cloud = await cloudWith({ handle: () => ({ status, body }) });
    expect(errorOf(await sessionOf(cloud).identity())).toMatchObject({ code, effect: 'none', certainty });
  });
});

describe('what may have happened', () => {
  it('never sends a POST again whose answer was lost', async () => {
    const cloud = await cloudWith({
      handle: (request, raw) => {
        if (!isThing(request)) return null;
        raw.request.socket.destroy();
        return undefined;
      },
    });
    const session = sessionOf(cloud);
    const error = errorOf(await session.request('compute', POST));
    expect(error).toMatchObject({ code: 'connection-lost', effect: 'unknown', certainty: 'passing' });
    expect(cloud.requests('POST', '/compute/v2.1/thing')).toHaveLength(1);
    expect(errorOf(await session.request('compute', GET))).toMatchObject({
      code: 'connection-lost',
      effect: 'none',
    });
    expect(cloud.requests('GET', '/compute/v2.1/thing')).toHaveLength(2);
  });

  it('reads again on a new connection when a kept one was closed', async () => {
    let calls = 0;
    const cloud = await cloudWith({
      handle: (request, raw) => {
        if (!isThing(request)) return null;
        calls += 1;
        if (calls !== 2) return { body: {} };
        raw.request.socket.destroy();
        return undefined;
      },
    });
    const session = sessionOf(cloud);
    await session.request('compute', GET);
    expect((await session.request('compute', GET)).ok).toBe(true);
    expect(calls).toBe(3);
  });

  it('gives a POST a connection of its own', async () => {
    let cloud!: FakeCloud;
    cloud = await cloudWith(thing(() => cloud));
    await sessionOf(cloud).request('compute', POST);
    expect(cloud.requests('POST', '/compute/v2.1/thing')[0]?.headers.connection).toBe('close');
  });

  it.each([
    [500, 'unknown'],
    [503, 'unknown'],
    [504, 'unknown'],
    [400, 'none'],
    [404, 'none'],
    [409, 'none'],
    [302, 'none'],
  ])('a POST answered by %i has effect %s', async (status, effect) => {
    const body = { conflictingRequest: { code: status, message: 'because' } };
    const cloud = await cloudWith({ handle: (request) => (isThing(request) ? { status, body } : null) });
    const session = sessionOf(cloud);
    const error = errorOf(await session.request('compute', POST));
    expect(error).toMatchObject({ code: 'http', status, effect, message: 'because' });
    expect(errorOf(await session.request('compute', GET))).toMatchObject({ effect: 'none' });
  });

  it('has an unknown effect when the answer comes too late', async () => {
    const slow = await cloudWith({
      handle: (request) => (isThing(request) ? delay(1000).then(() => ({})) : null),
    });
    const error = errorOf(await sessionOf(slow).request('compute', { ...POST, timeoutMs: 200 }));
    expect(error).toMatchObject({ code: 'timeout', effect: 'unknown', afterMs: 200 });
  });

  it('bounds the size of an answer', async () => {
    let cloud!: FakeCloud;
    cloud = await cloudWith(thing(() => cloud, { body: { x: 'x'.repeat(5000) } }));
    const session = sessionOf(cloud, {}, { maxBodyBytes: 2000 });
    expect(errorOf(await session.request('compute', GET))).toMatchObject({ code: 'bad-answer' });
  });

  it('refuses after close', async () => {
    const cloud = await cloudWith();
    const session = sessionOf(cloud);
    await session.identity();
    await session.close();
    expect(errorOf(await session.request('compute', POST))).toMatchObject({ code: 'closed', effect: 'none' });
  });
});

/** A session whose every handshake ends with this verification result. */
function refusedBy(detail: string) {
  const transport = {
    send: async () => failure({ kind: 'tls-untrusted' as const, detail }),
    close: async () => {},
  };
  return createSession(testCredentials('https://cloud'), { transport }).identity();
}

describe('connections', () => {
  it('has no effect where nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const error = errorOf(await sessionOf({ url: `http://127.0.0.1:${port}` }).request('compute', POST));
    expect(error).toMatchObject({
      code: 'unreachable',
      reason: 'refused',
      effect: 'none',
      service: 'identity',
    });
    expect(explain(error)).toContain('check auth_url');
  });

  it('says so when a name does not resolve', async () => {
    const error = errorOf(await sessionOf({ url: 'http://no-such-host.invalid:5000' }).identity());
    expect(error).toMatchObject({ code: 'unreachable', reason: 'dns', effect: 'none' });
  });

  it('says so when https meets http', async () => {
    const cloud = await cloudWith();
    const error = errorOf(await sessionOf({ url: cloud.url.replace('http:', 'https:') }).identity());
    expect(error).toMatchObject({ code: 'unreachable', reason: 'not-tls' });
  });

  it('trusts a self-signed certificate only by ca_file or insecure', async () => {
    const tls = makeCertificate();
    cleanups.push(() => tls.remove());
    const cloud = await cloudWith({ tls });
    const error = errorOf(await sessionOf(cloud).identity());
    expect(error).toMatchObject({
      code: 'tls-untrusted',
      certainty: 'definite',
      effect: 'none',
      caFile: null,
    });
    expect(explain(error)).toMatch(/ca_file.*insecure=true/);
    expect((await sessionOf(cloud, { caFile: tls.certFile }).identity()).ok).toBe(true);
    expect((await sessionOf(cloud, { insecure: true }).identity()).ok).toBe(true);
    const other = makeCertificate();
    cleanups.push(() => other.remove());
    expect(errorOf(await sessionOf(cloud, { caFile: other.certFile }).identity()).code).toBe('tls-untrusted');
  });

  it.each([
    'CERT_NOT_YET_VALID',
    'CERT_HAS_EXPIRED',
    'CRL_HAS_EXPIRED',
  ])('takes %s for a matter of time: the clock of this machine may be wrong', async (detail) => {
    const error = errorOf(await refusedBy(detail));
    expect(error).toMatchObject({ code: 'tls-untrusted', certainty: 'passing' });
    expect(explain(error)).toMatch(/check the clock of this machine/);
    expect(explain(error)).not.toContain('insecure');
  });

  it('takes a certificate of another CA for a fault that stays', async () => {
    const error = errorOf(await refusedBy('SELF_SIGNED_CERT_IN_CHAIN'));
    expect(error).toMatchObject({ code: 'tls-untrusted', certainty: 'definite' });
  });

  it('shows a client certificate where one is configured', async () => {
    const tls = makeCertificate();
    const client = makeCertificate();
    cleanups.push(
      () => tls.remove(),
      () => client.remove(),
    );
    const cloud = await cloudWith({ tls: { ...tls, ca: client.cert, requestCert: true } });
    const caFile = tls.certFile;
    expect((await sessionOf(cloud, { caFile }).identity()).ok).toBe(false);
    const clientCertificate = { certFile: client.certFile, keyFile: client.keyFile };
    expect((await sessionOf(cloud, { caFile, clientCertificate }).identity()).ok).toBe(true);
    const mixed = { certFile: client.certFile, keyFile: tls.keyFile };
    expect(
      explain(errorOf(await sessionOf(cloud, { caFile, clientCertificate: mixed }).identity())),
    ).toContain('does not belong to cert_file');
    const swapped = { certFile: client.keyFile, keyFile: client.certFile };
    expect(
      explain(errorOf(await sessionOf(cloud, { caFile, clientCertificate: swapped }).identity())),
    ).toContain('holds no PEM certificate');
  });

  it('names a ca_file that cannot be used', async () => {
    const error = errorOf(
      await sessionOf({ url: 'https://127.0.0.1:1' }, { caFile: '/no/such/ca.pem' }).identity(),
    );
    expect(explain(error)).toContain('ca_file /no/such/ca.pem cannot be used (ENOENT)');
  });
});

describe('catalogue and preflight', () => {
  it('lists what there is for an unknown region', async () => {
    const cloud = await cloudWith({ regions: ['north', 'south'] });
    const result = await preflight(testCredentials(cloud.url, { regionName: 'east' }));
    expect(errorOf(result)).toMatchObject({ code: 'no-endpoint', region: 'east', certainty: 'definite' });
    expect(explain(errorOf(result))).toContain('north/internal, north/public, south/internal');
  });

  it('does not guess among several regions', async () => {
    const cloud = await cloudWith({ regions: ['north', 'south'] });
    expect(explain(errorOf(await preflight(testCredentials(cloud.url))))).toContain('region_name is missing');
  });

  it('reports what the credentials lead to, or the missing role', async () => {
    const services = (status: number, body: unknown) =>
      cloudWith({ handle: (request) => (request.path.endsWith('/os-services') ? { status, body } : null) });
    const good = await services(200, { services: [] });
    expect(await preflight(testCredentials(good.url, { regionName: 'regionOne' }))).toEqual({
      ok: true,
      value: {
        region: 'regionOne',
        endpoint: `${good.url}/compute/v2.1`,
        microversionMax: '2.93',
        microversionUsed: '2.93',
        user: 'admin',
        project: 'admin',
      },
    });
    const poor = await services(403, {
      forbidden: { code: 403, message: "Policy doesn't allow os-services" },
    });
    const error = errorOf(await preflight(testCredentials(poor.url)));
    expect(error.code).toBe('auth-forbidden');
    expect(explain(error)).toContain('admin role');
  });
});

describe('secrets', () => {
  it('stand in no error, whatever the server echoes', async () => {
    const secret = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).map((text) => `§pw${text}`);
    await fc.assert(
      fc.asyncProperty(secret, fc.constantFrom(400, 401, 403, 404, 500), async (text, status) => {
        const cloud = await startFakeCloud({
          handle: (request) => keystoneError(status, `${request.body} ${text}`),
        });
        const credentials = testCredentials(cloud.url, { password: new Secret(text) });
        const session = createSession(credentials);
        const error = errorOf(await session.request('compute', GET));
        await session.close();
        await cloud.close();
        for (const shown of [explain(error), JSON.stringify(error), inspect(error, { depth: 9 })]) {
          expect(shown).not.toContain(text);
          expect(shown).not.toContain('§pw');
        }
        for (const shown of [
          JSON.stringify(credentials),
          inspect(credentials, { showHidden: true }),
          `${credentials.password}`,
        ]) {
          expect(shown).not.toContain('§pw');
          expect(shown).toContain('***');
        }
      }),
      { numRuns: 25 },
    );
    const cloud = await cloudWith({
      handle: (request) =>
        isThing(request)
          ? { status: 409, body: { conflict: { message: `token ${tokenOf(request)}` } } }
          : null,
    });
    const error = errorOf(await sessionOf(cloud).request('compute', POST));
    expect(JSON.stringify(error)).toContain('token ***');
    expect(JSON.stringify(error)).not.toContain('token-1');
  });
});
