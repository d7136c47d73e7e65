import { afterEach, describe, expect, it } from 'vitest';
import { hostName, serverId } from '../../core/names.ts';
import type { EvacuationView } from '../../core/observation.ts';
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

async function connect(
  routes: Record<string, () => FakeAnswer>,
  options: FakeCloudOptions = {},
  now: () => number = () => 0,
) {
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
  return { cloud, clients, port: createCloudPort(clients, now) };
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

/** Host → what its hypervisor calls itself. */
const hypervisors = (names: Record<string, string>) => (): FakeAnswer => ({
  body: {
    hypervisors: Object.entries(names).map(([host, name]) => ({
      hypervisor_hostname: name,
      service: { host },
    })),
  },
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

  it('tells Nova’s own failure at an evacuation from that of a proxy before it', async () => {
    const evacuated = async (status: number) => {
      const { port } = await connect({ [`POST ${ROOT}/servers/s/action`]: () => ({ status, body: {} }) });
      return port.evacuate(serverId('s'), { onSharedStorage: true });
    };
    expect(await evacuated(500)).toMatchObject({ effect: 'unknown', failed: true });
    expect(await evacuated(503)).toMatchObject({ effect: 'unknown', failed: false });
    expect(await evacuated(409)).toMatchObject({ effect: 'refused', failed: false });
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
      [`GET ${ROOT}/os-hypervisors/detail`]: hypervisors({ 'compute-2': 'compute-2' }),
      'GET /placement/allocations/broken': () => ({ status: 500, body: {} }),
    });
    expect(await port.hostsOfConsumer(serverId('s'))).toEqual({
      ok: true,
      value: [{ provider: 'compute-2', host: 'compute-2' }],
    });
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

  describe('how far the request of an evacuation has come', () => {
    const LIST = `${ROOT}/servers/s/os-instance-actions`;
    const CREATED = Date.parse('2026-11-23T04:00:00Z');
    const evacuation: EvacuationView = {
      ...{ id: 1, server: serverId('s'), source: hostName('compute-1'), dest: null, status: 'accepted' },
      ...{ createdAt: CREATED, updatedAt: CREATED },
    };
    const action = (id: string, startedAt: string, name = 'evacuate') => ({
      ...{ action: name, request_id: id, start_time: `2026-11-23T${startedAt}.000000`, message: null },
    });
    const event = (name: string, result: string | null, more = {}) => ({
      ...{ event: name, start_time: '2026-11-23T04:00:01.000000', finish_time: null, result },
      ...more,
    });
    async function trailOf(events: readonly unknown[] | undefined, earlier = '03:00:00') {
      const actions = [
        action('later', '04:05:00'),
        action('snapshot', '04:00:00', 'createImage'),
        action('own', '03:59:59'),
        action('earlier', earlier),
      ];
      const { port } = await connect({
        [`GET ${LIST}`]: () => ({ body: { instanceActions: actions } }),
        [`GET ${LIST}/own`]: () => ({ body: { instanceAction: { action: 'evacuate', events } } }),
      });
      return port.trailOf(evacuation);
    }
    const nothing = { sent: false, gaveUp: false, receivedAt: null, receivedBy: null };

    it('stands with the request that was made right before its record', async () => {
      expect(await trailOf([])).toEqual({ ok: true, value: nothing });
    });

    it('it is sent when nova-conductor has ended without an error', async () => {
      for (const [result, sent] of [
        ['Success', true],
        ['Error', false],
        [null, false],
      ] as const)
        expect(await trailOf([event('rebuild_server', result)])).toEqual({
          ok: true,
          value: { ...nothing, sent, gaveUp: result === 'Error' },
        });
    });

    it('whose error it is can’t be told where another was asked for shortly before', async () => {
      const error = [event('rebuild_server', 'Error')];
      expect(await trailOf(error, '03:59:40')).toEqual({ ok: true, value: nothing });
      expect(await trailOf(error, '03:59:31')).toMatchObject({ ok: true, value: { gaveUp: true } });
    });

    it('is not given up where a nova-compute has begun with it', async () => {
      const events = [event('rebuild_server', 'Error'), event('compute_rebuild_instance', null)];
      expect(await trailOf(events)).toMatchObject({ ok: true, value: { sent: true, gaveUp: false } });
    });

    it('or when a nova-compute has begun, whoever that is', async () => {
      const received = { ...nothing, sent: true, receivedAt: CREATED + 1_000 };
      expect(await trailOf([event('compute_rebuild_instance', null)])).toEqual({ ok: true, value: received });
      const named = event('compute_rebuild_instance', null, { host: 'compute-2' });
      expect(await trailOf([named, event('rebuild_server', null)])).toEqual({
        ok: true,
        value: { ...received, receivedBy: 'compute-2' },
      });
    });

    it('is not known where Nova shows no events, or has no such request', async () => {
      expect(await trailOf(undefined)).toMatchObject({ ok: false, reason: 'Nova shows this user no events' });
      const { port } = await connect({ [`GET ${LIST}`]: () => ({ body: { instanceActions: [] } }) });
      expect(await port.trailOf(evacuation)).toMatchObject({
        ok: false,
        reason: expect.stringContaining('no request of that time'),
      });
    });
  });

  describe('where the hypervisors call themselves otherwise than Nova its hosts', () => {
    const uuid = '4e8e5957-649f-477b-9e5b-f1f75b21c03c';
    const FQDN = 'compute-2.example.org';
    const given = {
      'GET /placement/allocations/s': () => ({
        body: { allocations: { [uuid]: { resources: { MEMORY_MB: 512 } } } },
      }),
      [`GET /placement/resource_providers/${uuid}`]: () => ({ body: { uuid, name: FQDN } }),
    };
    const LIST = `${ROOT}/os-hypervisors/detail`;

    it('finds the host of a provider, and reads the hypervisors once', async () => {
      const { port, cloud } = await connect({
        ...given,
        [`GET ${LIST}`]: hypervisors({ 'compute-2': FQDN }),
      });
      for (const _again of [1, 2])
        expect(await port.hostsOfConsumer(serverId('s'))).toEqual({
          ok: true,
          value: [{ provider: FQDN, host: 'compute-2' }],
        });
      expect(cloud.requests('GET', LIST)).toHaveLength(1);
    });

    it('reads them again when they are old, or the clock was put back', async () => {
      let now = 0;
      const routes = { ...given, [`GET ${LIST}`]: hypervisors({ 'compute-2': FQDN }) };
      const { port, cloud } = await connect(routes, {}, () => now);
      for (const [at, reads] of [
        [0, 1],
        [599_999, 1],
        [600_000, 2],
        [0, 3],
      ] as const) {
        now = at;
        expect((await port.hostsOfConsumer(serverId('s'))).ok).toBe(true);
        expect(cloud.requests('GET', LIST)).toHaveLength(reads);
      }
    });

    it('knows no host of a provider that Nova does not list, and looks for it again each time', async () => {
      const names: Record<string, string> = { 'compute-1': 'compute-1.example.org' };
      const { port, cloud } = await connect({ ...given, [`GET ${LIST}`]: () => hypervisors(names)() });
      const ask = () => port.hostsOfConsumer(serverId('s'));
      expect(await ask()).toEqual({ ok: true, value: [{ provider: FQDN, host: null }] });
      names['compute-2'] = FQDN;
      expect(await ask()).toEqual({ ok: true, value: [{ provider: FQDN, host: 'compute-2' }] });
      expect(cloud.requests('GET', LIST)).toHaveLength(2);
    });

    it('says why it does not know, when Nova does not list them', async () => {
      const { port } = await connect({ ...given, [`GET ${LIST}`]: () => ({ status: 403, body: {} }) });
      expect(await port.hostsOfConsumer(serverId('s'))).toMatchObject({
        ok: false,
        reason: expect.stringContaining('os-hypervisors'),
      });
    });

    it('reads the traits of a host by the name of its hypervisor', async () => {
      const providers: FakeAnswer = { body: { resource_providers: [{ uuid, name: FQDN }] } };
      const { port, cloud } = await connect({
        [`GET ${LIST}`]: hypervisors({ 'compute-2': FQDN }),
        'GET /placement/resource_providers': () => providers,
        [`GET /placement/resource_providers/${uuid}/traits`]: () => ({
          body: { traits: ['COMPUTE_STATUS_DISABLED'] },
        }),
      });
      const traits = await port.providerTraits(hostName('compute-2'));
      expect(traits).toEqual({ ok: true, value: ['COMPUTE_STATUS_DISABLED'] });
      expect(cloud.requests('GET', '/placement/resource_providers')[0]?.query.get('name')).toBe(FQDN);
      expect(await port.providerTraits(hostName('compute-3'))).toMatchObject({
        ok: false,
        reason: 'Nova lists no hypervisor of compute-3',
      });
    });
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
