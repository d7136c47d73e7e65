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
  const image = (id: string, more: object) => ({
    id,
    name: `image ${id}`,
    status: 'active',
    size: 5,
    tags: [],
    ...more,
  });
  const shown = [
    image('a', { tags: ['evacuable'], schema: '/v2/schemas/image' }),
    image('b', { evacuable: 'True', hw_disk_bus: 'virtio' }),
    image('c', {}),
  ];
  const hidden = [image('d', { tags: ['evacuable'], os_hidden: true })];

  /** A Glance that refuses `visibility=all` if it is old. */
  const glance = (isOld: boolean): FakeCloudOptions => ({
    handle: ({ path, query }) => {
      if (path !== '/image/v2/images') return null;
      if (isOld && query.has('visibility')) return { status: 400, body: 'Invalid visibility value: all' };
      const all = query.get('os_hidden') === 'true' ? (isOld ? [] : hidden) : shown;
      const start = all.findIndex((each) => each.id === query.get('marker')) + 1;
      const page = all.slice(start, start + 2);
      return { body: { images: page, ...(start + 2 < all.length ? { next: '/v2/images?marker=x' } : {}) } };
    },
  });

  it('gives the images that fit, hidden ones too, page after page', async () => {
    const { session } = await connect(glance(false));
    const listed = await createGlance(session, { pageLimit: 2 }).listImages(({ name }) => name !== 'image c');
    expect(listed).toEqual({
      ok: true,
      value: [
        { id: 'a', name: 'image a', tags: ['evacuable'], properties: {} },
        { id: 'b', name: 'image b', tags: [], properties: { evacuable: 'True', hw_disk_bus: 'virtio' } },
        { id: 'd', name: 'image d', tags: ['evacuable'], properties: {} },
      ],
    });
  });

  it('reads an older Glance too', async () => {
    const { session } = await connect(glance(true));
    const listed = await createGlance(session).listImages(() => true);
    expect(listed).toMatchObject({ ok: true, value: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] });
  });

  it('says what is wrong when it is not there, or answers nonsense', async () => {
    const none = await connect({ beside: [] });
    expect(await none.glance.listImages(() => true)).toMatchObject({
      error: { code: 'no-endpoint', service: 'image' },
    });
    const strange = await connect({
      handle: ({ path }) => (path.startsWith('/image') ? { body: [] } : null),
    });
    expect(await strange.glance.listImages(() => true)).toMatchObject({ error: { code: 'bad-answer' } });
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
