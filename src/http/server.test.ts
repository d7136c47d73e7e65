import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostName, nodeName, serverId } from '../core/names.ts';
import { known } from '../core/observation.ts';
import { A_CLUSTER } from '../core/testing.ts';
import { makeCertificate } from '../openstack/testing.ts';
import { applyChange, type Change, type Snapshot, viewOf } from '../view/change.ts';
import type { View } from '../view/model.ts';
import { type Access, readAccess } from './access.ts';
import { createFace, type Face, type FaceOptions, type Tick } from './face.ts';
import { readStaticFiles } from './files.ts';
import { MAX_CLIENTS } from './hub.ts';
import { reportsIn } from './reports.ts';
import { listen, type RunningServer } from './server.ts';

const TOKEN = 'a-token-of-more-than-24-characters';
let dir: string;
let face: Face;
let server: RunningServer;
let looks: string[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'instance-ha-http-'));
  writeFileSync(join(dir, 'index.html'), '<!doctype html><title>page</title>');
  looks = [];
});
afterEach(async () => {
  face.close();
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

function tick(instances: number, text = 'evacuating'): Tick {
  const host = hostName('compute-1');
  return {
    observation: {
      now: 1_000,
      cluster: known({
        haveQuorum: true,
        nodes: [
          {
            name: nodeName('compute-1'),
            kind: 'remote',
            online: false,
            incident: { id: 'i1', at: 900, by: 'fencer', on: 'controller-1' },
            evacuation: null,
          },
        ],
      }),
      services: known([{ host, id: 's1', state: 'down', status: 'enabled', forcedDown: true }]),
      domain: null,
    },
    verdicts: [
      {
        node: nodeName('compute-1'),
        host,
        incident: 'i1',
        phase: 'evacuating',
        text,
        instances: Array.from({ length: instances }, (_, i) => ({
          id: serverId(`server-${i}`),
          name: `vm-${i}`,
          outcome: 'moving',
          to: hostName('compute-2'),
          attempts: 1,
          disk: 'kept',
          differences: [],
          text: 'on its way to compute-2',
        })),
      },
    ],
    gates: [],
    cloudTrouble: null,
  } as unknown as Tick;
}

async function begin(access: Partial<Access> = {}, more: Partial<FaceOptions> = {}): Promise<void> {
  face = createFace({
    identity: { epoch: 'controller-1:1.1', node: 'controller-1', version: '0.1.0', since: 1 },
    clock: { now: () => Date.now(), mono: () => performance.now() },
    viewer: {
      readFencing: async () => {
        looks.push('fencing');
        return known([]);
      },
      readInventory: async () => {
        looks.push('inventory');
        return known([{ id: serverId('quiet'), name: 'quiet', host: hostName('compute-2') }]);
      },
    },
    reports: reportsIn(join(dir, 'reports')),
    metrics: null,
    ...more,
  });
  const opened = await listen({
    access: { address: { host: '127.0.0.1', port: 0 }, tls: null, token: null, ...access },
    routes: face.routes,
    files: await readStaticFiles(dir),
  });
  if (!opened.ok) throw new Error(opened.error);
  server = opened.value;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function ask(
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  tls = false,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = tls ? httpsRequest : httpRequest;
    const options = {
      host: '127.0.0.1',
      port: server.port,
      path,
      method,
      headers,
      rejectUnauthorized: false,
    };
    const request = send(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    request.on('error', reject).end();
  });
}

/** A page: takes the stream's events in and keeps the view as the dashboard does. */
function page(): {
  view: () => View | null;
  seen: string[];
  leave: () => void;
  until: (what: () => boolean) => Promise<void>;
} {
  let view: View | null = null;
  const seen: string[] = [];
  const request = httpRequest({ host: '127.0.0.1', port: server.port, path: '/api/events' }, (response) => {
    let rest = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const [event = '', data = ''] = part.split('\n').map((line) => line.replace(/^\w+: /, ''));
        seen.push(event);
        if (event === 'snapshot') view = viewOf(JSON.parse(data) as Snapshot);
        if (event === 'change' && view !== null) view = applyChange(view, JSON.parse(data) as Change);
      }
    });
    response.on('error', () => {});
  });
  request.on('error', () => {}).end();
  return {
    view: () => view,
    seen,
    leave: () => request.destroy(),
    async until(what) {
      for (let waitedMs = 0; !what() && waitedMs < 5_000; waitedMs += 20)
        await new Promise((resolve) => setTimeout(resolve, 20));
      expect(what()).toBe(true);
    },
  };
}

describe('what may be asked', () => {
  it('answers its own names only, so that a name that is made to point here reads nothing', async () => {
    await begin();
    for (const host of ['127.0.0.1:7475', 'localhost:9999', '[::1]:7475'])
      expect((await ask('/', { host })).status).toBe(200);
    for (const host of ['evil.example', '127.0.0.1.evil.example', 'a b'])
      expect([400, 421]).toContain((await ask('/api/state', { host })).status);
    const from = async (site: string, mode: string): Promise<number> =>
      (await ask('/api/state', { 'sec-fetch-site': site, 'sec-fetch-mode': mode })).status;
    expect(await from('cross-site', 'cors')).toBe(403);
    expect(await from('same-site', 'no-cors')).toBe(403);
    expect(await from('same-origin', 'cors')).toBe(200);
    // A link from somewhere else may lead here.
    expect(await from('cross-site', 'navigate')).toBe(200);
  });

  it('can be read and not written', async () => {
    await begin();
    expect((await ask('/api/state', {}, 'POST')).status).toBe(405);
    expect((await ask('/api/state', {}, 'DELETE')).status).toBe(400);
    expect((await ask('/api/nothing')).status).toBe(404);
    expect((await ask('/../../etc/passwd')).status).toBe(404);
    expect((await ask('/api/reports/..%2f..%2fetc%2fpasswd.json')).status).toBe(404);
    expect((await ask('/%zz')).status).toBe(400);
    expect(JSON.parse((await ask('/api/lab')).body)).toEqual({ lab: null });
  });

  it('lists the reports with the node of each, as far as the file says it', async () => {
    const reports = join(dir, 'reports');
    mkdirSync(reports, { recursive: true });
    writeFileSync(join(reports, 'good.json'), JSON.stringify({ node: 'compute-1' }));
    writeFileSync(join(reports, 'torn.json'), '{"node": "comp');
    await begin();
    const listed = JSON.parse((await ask('/api/reports')).body).reports as { id: string; node: unknown }[];
    expect(new Map(listed.map(({ id, node }) => [id, node]))).toEqual(
      new Map([
        ['good', 'compute-1'],
        ['torn', null],
      ]),
    );
    writeFileSync(join(reports, 'torn.json'), JSON.stringify({ node: 'compute-2' }));
    utimesSync(join(reports, 'torn.json'), 1, 1);
    expect((await ask('/api/reports')).body).toContain('{"id":"torn","at":1000,"node":"compute-2"}');
  });

  it('sends the policy with every answer, and files once', async () => {
    await begin();
    for (const path of ['/', '/api/state', '/nothing']) {
      const { headers } = await ask(path);
      expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(String(headers['content-security-policy'])).not.toContain('unsafe');
    }
    const { headers } = await ask('/');
    expect((await ask('/', { 'if-none-match': String(headers.etag) })).status).toBe(304);
  });

  it('wants the token over TLS for all that tells of the cloud', async () => {
    const { key, cert } = makeCertificate();
    writeFileSync(join(dir, 'key'), key, { mode: 0o600 });
    writeFileSync(join(dir, 'cert'), cert);
    writeFileSync(join(dir, 'token'), `${TOKEN}\n`, { mode: 0o600 });
    const access = await readAccess({
      listen: '127.0.0.1:0',
      tlsCert: join(dir, 'cert'),
      tlsKey: join(dir, 'key'),
      tokenFile: join(dir, 'token'),
    });
    if (!access.ok) throw new Error(access.error);
    await begin(access.value);
    const get = (path: string, headers = {}): Promise<Answer> => ask(path, headers, 'GET', true);
    for (const path of ['/api/state', '/api/events', '/api/lab', '/api/reports'])
      for (const authorization of ['', 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`])
        expect((await get(path, { authorization })).status).toBe(401);
    expect((await get('/api/state', { authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    // The page has no secrets, and a balancer has no token.
    expect((await get('/')).status).toBe(200);
    expect((await get('/healthz')).status).toBe(503);
  });

  it('serves metrics where there are some', async () => {
    await begin();
    expect((await ask('/metrics')).status).toBe(404);
    face.close();
    await server.close();
    await begin({}, { metrics: () => 'up 1\n' });
    expect(await ask('/metrics')).toMatchObject({ status: 200, body: 'up 1\n' });
  });

  it('says healthy only while the evacuator ticks', async () => {
    let mono = 0;
    await begin({}, { clock: { now: () => 1, mono: () => mono } });
    expect((await ask('/healthz')).status).toBe(503);
    face.tick(tick(1));
    expect((await ask('/healthz')).status).toBe(200);
    mono = 61_000;
    expect((await ask('/healthz')).status).toBe(503);
    face.alive();
    expect((await ask('/healthz')).status).toBe(200);
  });
});

describe('a page that looks', () => {
  it('gets the whole, then what changes, and hears that all is well', async () => {
    await begin();
    face.tick(tick(2));
    const one = page();
    await one.until(() => one.view()?.instances.size === 2);
    expect(one.view()?.hosts.get('compute-1')).toMatchObject({
      state: 'evacuating',
      progress: { total: 2, moving: 2 },
    });
    face.event({ level: 'info', msg: 'vm-0 has moved', incident: 'i1' });
    face.tick(tick(2, 'evacuating: 1 of 2 moved'));
    await one.until(() => one.view()?.hosts.get('compute-1')?.text === 'evacuating: 1 of 2 moved');
    expect([...(one.view()?.lines.values() ?? [])]).toMatchObject([
      { text: 'vm-0 has moved', incident: 'i1' },
    ]);
    await one.until(() => one.seen.filter((event) => event === 'alive').length >= 2);
    expect(one.seen.filter((event) => event === 'snapshot')).toHaveLength(1);
    const two = page();
    await two.until(() => two.view() !== null);
    expect(two.view()).toEqual(one.view());
    one.leave();
    two.leave();
  });

  it('keeps what is over in sight, and what can not be read as it was', async () => {
    await begin();
    face.tick(tick(1));
    const { observation } = tick(0);
    face.tick({
      ...tick(0),
      verdicts: [],
      observation: { ...observation, cluster: { known: false, reason: 'x' } },
    });
    const one = page();
    await one.until(() => one.view() !== null);
    expect(one.view()?.incidents.get('i1')?.endedAt).toBeNull();
    face.tick({
      ...tick(0),
      verdicts: [],
      observation: {
        ...observation,
        cluster: known(A_CLUSTER),
      },
    });
    await one.until(() => one.view()?.incidents.get('i1')?.phase === 'over');
    one.leave();
  });

  it('costs the cluster and the cloud nothing while nobody looks, and spares the cloud in an evacuation', async () => {
    await begin();
    face.tick(tick(1));
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(looks).toEqual([]);
    const one = page();
    await one.until(() => looks.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(looks).toEqual(['fencing']);
    one.leave();
  });

  it('is one of a bounded number', async () => {
    await begin();
    const pages = Array.from({ length: MAX_CLIENTS + 1 }, page);
    const all = (): string[] => pages.flatMap((each) => each.seen);
    await pages[0]?.until(() => all().filter((event) => event === 'snapshot').length === MAX_CLIENTS);
    await pages[0]?.until(() => all().includes('full'));
    for (const each of pages) each.leave();
  });
});
