import { afterEach, describe, expect, it } from 'vitest';
import { hostName, serverId } from '../../core/names.ts';
import { createGlance } from '../../openstack/glance.ts';
import { createNeutron } from '../../openstack/neutron.ts';
import { createNova } from '../../openstack/nova.ts';
import { createPlacement } from '../../openstack/placement.ts';
import { failure } from '../../openstack/result.ts';
import { createSession } from '../../openstack/session.ts';
import {
  type FakeAnswer,
  type FakeCloudOptions,
  startFakeCloud,
  testCredentials,
} from '../../openstack/testing.ts';
import { createCloudPort } from './cloud-port.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const ROOT = '/compute/v2.1';

async function connect(routes: Record<string, () => FakeAnswer>, options: FakeCloudOptions = {}) {
  const cloud = await startFakeCloud({
    ...options,
    handle: (request) => routes[`${request.method} ${request.path}`]?.() ?? null,
  });
  const session = createSession(testCredentials(cloud.url));
  cleanups.push(
    () => cloud.close(),
    () => session.close(),
  );
  const clients = {
    nova: createNova(session),
    placement: createPlacement(session),
    glance: createGlance(session),
    neutron: createNeutron(session),
  };
  return { cloud, clients, port: createCloudPort(clients, () => 0) };
}

const service = (binary: string, host: string, more = {}) => ({
  id: `${binary}-${host}`,
  binary,
  host,
  zone: 'nova',
  status: 'enabled',
  state: 'up',
  updated_at: '2026-11-23T04:00:00.000000',
  disabled_reason: null,
  forced_down: false,
  ...more,
});

const upTo = (version: string) => () => ({ body: { version: { id: 'v2.1', version, min_version: '2.1' } } });

describe('the cloud port', () => {
  it('shows no instance whose state Nova hides: what is unknown is not what it can not evacuate', async () => {
    const server = (more: object): FakeAnswer => ({
      body: {
        server: {
          id: 's',
          name: 'vm',
          status: 'ACTIVE',
          'OS-EXT-SRV-ATTR:host': 'compute-1',
          tenant_id: 'p1',
          created: '2026-11-23T04:00:00Z',
          ...more,
        },
      },
    });
    const seen = async (more: object) =>
      (await connect({ [`GET ${ROOT}/servers/s`]: () => server(more) })).port.getServer(serverId('s'));
    expect(await seen({})).toMatchObject({
      ok: false,
      reason: expect.stringContaining('OS-EXT-STS:vm_state, policy os_compute_api:os-extended-status'),
    });
    expect(await seen({ 'OS-EXT-STS:vm_state': 'active' })).toMatchObject({ ok: true });
    expect(await seen({ 'OS-EXT-STS:vm_state': null })).toMatchObject({
      ok: true,
      value: { vmState: 'none' },
    });
  });

  it('tells compute services and control services apart, from one list', async () => {
    const { port, cloud } = await connect({
      [`GET ${ROOT}/os-services`]: () => ({
        body: {
          services: [
            service('nova-compute', 'compute-1'),
            service('nova-conductor', 'controller-1'),
            service('nova-scheduler', 'controller-1', { state: 'down' }),
            service('nova-consoleauth', 'controller-1'),
            { binary: 'nova-compute', host: 'compute-2', status: 'UNKNOWN' },
          ],
        },
      }),
    });
    expect(await port.listServices()).toMatchObject({
      ok: true,
      value: {
        items: [
          { host: 'compute-1', zone: 'nova' },
          { host: 'compute-2', state: 'unknown' },
        ],
        control: [
          { binary: 'nova-conductor', state: 'up' },
          { binary: 'nova-scheduler', state: 'down' },
        ],
      },
    });
    expect(cloud.requests('GET', `${ROOT}/os-services`)).toHaveLength(1);
  });

  it('says why images and ports are not known, when Glance and Neutron are not there', async () => {
    const { port } = await connect({}, { beside: [] });
    const query = { tags: ['evacuable'], properties: ['evacuable'], names: [] };
    expect(await port.findImages(query)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('image'),
    });
    expect(await port.listPorts([serverId('a')])).toMatchObject({
      ok: false,
      reason: expect.stringContaining('network'),
    });
  });

  it('gives the images that carry a tag, a property with any value, or a name', async () => {
    const images = [
      { id: '1', name: 'tagged', tags: ['evacuable'] },
      { id: '2', name: 'with the property', evacuable: 'no' },
      { id: '3', name: 'amphora-x64' },
      { id: '4', name: 'none of these', tags: ['evacuable2'] },
    ];
    const { port } = await connect({ 'GET /image/v2/images': () => ({ body: { images } }) });
    const query = { tags: ['evacuable'], properties: ['evacuable'], names: ['amphora-x64'] };
    const found = await port.findImages(query);
    expect(found).toMatchObject({ ok: true, value: [{ id: '1' }, { id: '2' }, { id: '3' }] });
  });

  it('asks for the ports of many servers in few requests; one without ports has none', async () => {
    const port1 = { id: 'p', device_id: 's0', status: 'ACTIVE', 'binding:host_id': 'compute-2' };
    const { port, cloud } = await connect({
      'GET /network/v2.0/ports': () => ({ body: { ports: [port1] } }),
    });
    const servers = Array.from({ length: 90 }, (_, n) => serverId(`s${n}`));
    const ports = await port.listPorts(servers);
    if (!ports.ok) throw new Error(ports.reason);
    expect(ports.value.size).toBe(90);
    expect(ports.value.get(serverId('s0'))?.[0]).toMatchObject({ boundHost: 'compute-2' });
    expect(ports.value.get(serverId('s1'))).toEqual([]);
    expect(cloud.requests('GET', '/network/v2.0/ports')).toHaveLength(3);
  });

  it('says who gives resources to a server, and why it can not be said', async () => {
    const uuid = '4e8e5957-649f-477b-9e5b-f1f75b21c03c';
    const allocations = { [uuid]: { generation: 1, resources: { MEMORY_MB: 512 } } };
    const { port } = await connect({
      'GET /placement/allocations/s': () => ({ body: { allocations } }),
      [`GET /placement/resource_providers/${uuid}`]: () => ({ body: { uuid, name: 'compute-2' } }),
      'GET /placement/allocations/broken': () => ({ status: 500, body: {} }),
    });
    expect(await port.hostsOfConsumer(serverId('s'))).toEqual({ ok: true, value: ['compute-2'] });
    expect(await port.hostsOfConsumer(serverId('broken'))).toMatchObject({
      ok: false,
      reason: expect.stringContaining('placement'),
    });
  });

  it('takes Placement for there where it answers, refuses, or is not there at all', async () => {
    const path = '/placement/resource_providers';
    const found = async (answer: FakeAnswer, options: FakeCloudOptions = {}) =>
      (await connect({ [`GET ${path}`]: () => answer }, options)).port.findPlacement();
    const there = { ok: true, value: null };
    expect(await found({ body: { resource_providers: [] } })).toEqual(there);
    expect(await found({ status: 403, body: {} })).toEqual(there);
    expect(await found({ status: 503, body: {} })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('placement'),
    });
    expect(await found({ body: {} })).toMatchObject({ ok: false });
    const none = { code: 'no-endpoint', certainty: 'definite', effect: 'none' } as const;
    const where = { service: 'placement', region: null, endpointInterface: 'public', available: [] };
    const { clients } = await connect({});
    const placement = { ...clients.placement, ping: async () => failure({ ...none, ...where }) };
    expect(await createCloudPort({ ...clients, placement }, () => 0).findPlacement()).toEqual(there);
  });

  it('drops server groups whose policy nobody knows', async () => {
    const groups = ['anti-affinity', 'legacy'].map((policy) => ({
      id: policy,
      name: 'g',
      policy,
      members: [],
    }));
    const { port } = await connect({
      [`GET ${ROOT}/os-server-groups`]: () => ({ body: { server_groups: groups } }),
    });
    expect(await port.listServerGroups()).toEqual({
      ok: true,
      value: [{ id: 'anti-affinity', policy: 'anti-affinity', members: [] }],
    });
  });

  it('waits for the heartbeat of a Nova that cannot be told', async () => {
    let state = 'up';
    const body = () => ({
      services: [{ ...service('nova-compute', 'compute-1', { state }), id: 7, forced_down: undefined }],
    });
    const { port } = await connect({
      [`GET ${ROOT}/`]: upTo('2.10'),
      [`GET ${ROOT}/os-services`]: () => ({ body: body() }),
    });
    const forceDown = () => port.updateService('nova-compute@compute-1', { forcedDown: true });
    expect(await forceDown()).toMatchObject({
      ok: false,
      effect: 'none',
      reason: expect.stringContaining('heartbeat'),
    });
    state = 'down';
    expect(await forceDown()).toMatchObject({ ok: true, value: { host: 'compute-1', forcedDown: true } });
  });

  it('passes the destination and the storage on, and shows what an old Nova leaves out as unknown', async () => {
    const { port, cloud } = await connect({
      [`GET ${ROOT}/`]: upTo('2.8'),
      [`POST ${ROOT}/servers/s/action`]: () => ({ body: {} }),
      [`GET ${ROOT}/servers/s`]: () => ({
        body: {
          server: {
            id: 's',
            name: 'vm',
            status: 'ACTIVE',
            'OS-EXT-SRV-ATTR:host': 'compute-1',
            'OS-EXT-STS:vm_state': 'active',
            tenant_id: 'p',
            flavor: { id: 'f1' },
            created: '2026-11-23T04:00:00Z',
          },
        },
      }),
    });
    const options = { host: hostName('compute-2'), onSharedStorage: false };
    expect((await port.evacuate(serverId('s'), options)).ok).toBe(true);
    expect(cloud.requests('POST', `${ROOT}/servers/s/action`)[0]?.body).toBe(
      '{"evacuate":{"host":"compute-2","onSharedStorage":false}}',
    );
    expect(await port.getServer(serverId('s'))).toMatchObject({
      ok: true,
      value: { tags: { known: false }, flavor: { id: 'f1', extraSpecs: { known: false } }, locked: false },
    });
    expect(await port.microversion()).toEqual({ ok: true, value: { max: '2.8', used: '2.8' } });
  });
});
