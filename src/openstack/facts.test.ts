import { afterEach, describe, expect, it } from 'vitest';
import { createGlance } from './glance.ts';
import { createNeutron, DEVICES_PER_REQUEST } from './neutron.ts';
import { createSession } from './session.ts';
import { type FakeCloudOptions, startFakeCloud, testCredentials } from './testing.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function connect(options: FakeCloudOptions) {
  const cloud = await startFakeCloud(options);
  const session = createSession(testCredentials(cloud.url));
  cleanups.push(
    () => cloud.close(),
    () => session.close(),
  );
  return { cloud, session, glance: createGlance(session), neutron: createNeutron(session) };
}

describe('Glance', () => {
  const image = {
    id: 'i1',
    name: 'cirros',
    status: 'active',
    visibility: 'public',
    size: 5,
    tags: ['evacuable'],
    evacuable: 'true',
    hw_disk_bus: 'virtio',
    schema: '/v2/schemas/image',
  };

  it('gives name, tags and the properties that somebody gave, and null for an image that is gone', async () => {
    const { glance } = await connect({
      handle: ({ path }) => (path === '/image/v2/images/i1' ? { body: image } : null),
    });
    expect(await glance.getImage('i1')).toEqual({
      ok: true,
      value: {
        id: 'i1',
        name: 'cirros',
        tags: ['evacuable'],
        properties: { evacuable: 'true', hw_disk_bus: 'virtio' },
      },
    });
    expect(await glance.getImage('i2')).toEqual({ ok: true, value: null });
  });

  it('says what is wrong when it is not there, or answers nonsense', async () => {
    const none = await connect({ beside: [] });
    expect(await none.glance.getImage('i1')).toMatchObject({
      error: { code: 'no-endpoint', service: 'image' },
    });
    const strange = await connect({
      handle: ({ path }) => (path.startsWith('/image') ? { body: [] } : null),
    });
    expect(await strange.glance.getImage('i1')).toMatchObject({ error: { code: 'bad-answer' } });
  });
});

describe('Neutron', () => {
  const port = (id: string, device: string, host: string | undefined) => ({
    id,
    device_id: device,
    status: 'ACTIVE',
    fixed_ips: [{ subnet_id: 'x', ip_address: `10.0.0.${id}` }],
    ...(host === undefined ? {} : { 'binding:host_id': host }),
  });

  it('gives the ports of many servers in one request, page after page', async () => {
    const all = [port('1', 'a', 'compute-1'), port('2', 'b', ''), port('3', 'b', undefined)];
    const { neutron, cloud } = await connect({
      handle: ({ path, query }) => {
        if (path !== '/network/v2.0/ports') return null;
        const start = all.findIndex((each) => each.id === query.get('marker')) + 1;
        const page = all.slice(start, start + 2);
        return { body: { ports: page, ports_links: start === 0 ? [{ rel: 'next', href: 'http://x' }] : [] } };
      },
    });
    expect(await neutron.listPorts(['a', 'b'])).toEqual({
      ok: true,
      value: [
        { id: '1', deviceId: 'a', status: 'ACTIVE', boundHost: 'compute-1', fixedIps: ['10.0.0.1'] },
        { id: '2', deviceId: 'b', status: 'ACTIVE', boundHost: null, fixedIps: ['10.0.0.2'] },
        { id: '3', deviceId: 'b', status: 'ACTIVE', boundHost: null, fixedIps: ['10.0.0.3'] },
      ],
    });
    expect(
      cloud.requests('GET', '/network/v2.0/ports').map((each) => each.query.getAll('device_id')),
    ).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('keeps its request short enough for a uwsgi that nobody has tuned', async () => {
    const { neutron, cloud } = await connect({
      handle: ({ path }) => (path === '/network/v2.0/ports' ? { body: { ports: [] } } : null),
    });
    const ids = Array.from({ length: DEVICES_PER_REQUEST }, () => crypto.randomUUID());
    expect(await neutron.listPorts(ids)).toEqual({ ok: true, value: [] });
    const [asked] = cloud.requests('GET', '/network/v2.0/ports');
    expect(asked?.query.toString().length).toBeLessThan(2500);
    await expect(neutron.listPorts([...ids, 'one more'])).rejects.toThrow('too many');
  });
});
