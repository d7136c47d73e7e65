import { afterEach, describe, expect, it } from 'vitest';
import { chooseMicroversion } from './microversion.ts';
import { createNova } from './nova.ts';
import { createPlacement } from './placement.ts';
import { createSession } from './session.ts';
import {
  type FakeAnswer,
  type FakeCloud,
  type SeenRequest,
  startFakeCloud,
  testCredentials,
} from './testing.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Routes = Record<string, (request: SeenRequest, cloud: FakeCloud) => FakeAnswer>;

async function connect(routes: Routes) {
  const cloud: FakeCloud = await startFakeCloud({
    handle: (request) => routes[`${request.method} ${request.path}`]?.(request, cloud) ?? null,
  });
  const session = createSession(testCredentials(cloud.url));
  cleanups.push(
    () => cloud.close(),
    () => session.close(),
  );
  return { cloud, session, nova: createNova(session, { pageLimit: 2, maxPages: 5 }) };
}

const server = (n: number, more = {}) => ({
  id: `server-${n}`,
  name: `vm-${n}`,
  status: 'ACTIVE',
  'OS-EXT-SRV-ATTR:host': 'compute-1',
  'OS-EXT-SRV-ATTR:hypervisor_hostname': 'compute-1.example',
  'OS-EXT-STS:vm_state': 'active',
  'OS-EXT-STS:task_state': null,
  'OS-EXT-STS:power_state': 1,
  locked: true,
  flavor: { original_name: 'm1.small', vcpus: 1 },
  image: '',
  tenant_id: 'p1',
  addresses: {
    net: [
      { addr: '192.0.2.9', version: 4, 'OS-EXT-IPS:type': 'floating' },
      { addr: '10.0.0.5', version: 4, 'OS-EXT-IPS:type': 'fixed' },
    ],
  },
  'os-extended-volumes:volumes_attached': [{ id: 'v2', delete_on_termination: false }, { id: 'v1' }],
  metadata: { HA_Enabled: 'true' },
  created: '2026-11-23T04:00:00Z',
  updated: '2026-11-23T04:00:01Z',
  adminPass: 'never kept',
  ...more,
});

const migration = (n: number, more = {}) => ({
  id: n,
  uuid: `migration-${n}`,
  instance_uuid: `server-${n}`,
  source_compute: 'compute-1',
  dest_compute: null,
  status: 'accepted',
  migration_type: 'evacuation',
  created_at: `2026-11-23T04:00:0${n}.000000`,
  updated_at: null,
  ...more,
});

/** Pages as Nova makes them: a next link, on a host nobody can reach, when a page is full. */
function paged(name: 'servers' | 'migrations', all: readonly { id: string | number; uuid?: string }[]) {
  return (request: SeenRequest): FakeAnswer => {
    const key = (one: { id: string | number; uuid?: string }) => String(one.uuid ?? one.id);
    const limit = Number(request.query.get('limit') ?? 1000);
    const start = all.findIndex((one) => key(one) === request.query.get('marker')) + 1;
    const page = all.slice(start, start + limit);
    const last = page.at(-1);
    const links =
      page.length === limit && last !== undefined
        ? {
            [`${name}_links`]: [
              { rel: 'next', href: `http://internal.invalid/x?limit=2&marker=${key(last)}` },
            ],
          }
        : {};
    return { body: { [name]: page, ...links } };
  };
}

const SERVERS = 'GET /compute/v2.1/servers/detail';
const MIGRATIONS = 'GET /compute/v2.1/os-migrations';

describe('servers', () => {
  it('reads three pages with the chosen microversion and keeps what is needed', async () => {
    const all = [1, 2, 3, 4, 5].map((n) => server(n));
    const { nova, cloud } = await connect({ [SERVERS]: paged('servers', all) });
    const listed = await nova.listServers({ host: 'compute-1' });
    if (!listed.ok) throw new Error(listed.error.code);
    expect(listed.value).toMatchObject({ partial: false, unreadable: [] });
    expect(listed.value.date).toBeTypeOf('number');
    expect(listed.value.servers.map((each) => each.id)).toEqual(all.map((each) => each.id));
    expect(listed.value.servers[0]).toEqual({
      id: 'server-1',
      name: 'vm-1',
      host: 'compute-1',
      hypervisorHostname: 'compute-1.example',
      status: 'ACTIVE',
      deleted: false,
      vmState: 'active',
      taskState: null,
      powerState: 1,
      locked: true,
      flavor: { name: 'm1.small', id: null, extraSpecs: null },
      tags: null,
      availabilityZone: null,
      imageId: null,
      projectId: 'p1',
      addresses: [
        { network: 'net', address: '10.0.0.5', type: 'fixed' },
        { network: 'net', address: '192.0.2.9', type: 'floating' },
      ],
      volumes: ['v1', 'v2'],
      metadata: { HA_Enabled: 'true' },
      fault: null,
      created: Date.UTC(2026, 10, 23, 4),
      updated: Date.UTC(2026, 10, 23, 4, 0, 1),
      serverGroups: null,
    });
    const asked = cloud.requests('GET', '/compute/v2.1/servers/detail');
    expect(asked).toHaveLength(3);
    expect(asked[2]?.query.toString()).toBe('all_tenants=1&host=compute-1&limit=2&marker=server-4');
    expect(asked[0]?.headers['openstack-api-version']).toBe('compute 2.93');
    expect(cloud.requests('GET', '/compute/v2.1/')).toHaveLength(1);
  });

  it('asks without limit when it asks for all, so that down cells show', async () => {
    const down = {
      id: 'lost',
      status: 'UNKNOWN',
      tenant_id: 'p1',
      created: '2026-11-23T04:00:00Z',
      links: [],
    };
    const { nova, cloud } = await connect({ [SERVERS]: paged('servers', [server(1), down]) });
    expect(await nova.listServers()).toMatchObject({
      ok: true,
      value: { partial: true, unreadable: ['lost'], servers: [{ id: 'server-1' }] },
    });
    expect(cloud.requests('GET', '/compute/v2.1/servers/detail')[0]?.query.toString()).toBe('all_tenants=1');
  });

  it('flags deleted servers among the changes', async () => {
    const gone = server(1, {
      status: 'DELETED',
      fault: { code: 500, message: 'No valid host', created: 'x' },
    });
    const { nova, cloud } = await connect({ [SERVERS]: paged('servers', [gone]) });
    const listed = await nova.listServers({ changesSince: Date.UTC(2026, 10, 23, 4, 0, 0, 999) });
    expect(listed).toMatchObject({
      value: { servers: [{ deleted: true, fault: { code: 500, message: 'No valid host' } }] },
    });
    const [asked] = cloud.requests('GET', '/compute/v2.1/servers/detail');
    expect(asked?.query.get('changes-since')).toBe('2026-11-23T04:00:00Z');
  });

  it('refuses answers that ignore the filter, hide the host or the state, never end or are HTML', async () => {
    const code = async (answer: FakeAnswer) => {
      const { nova } = await connect({ [SERVERS]: () => answer });
      const listed = await nova.listServers({ host: 'compute-1' });
      return listed.ok ? 'ok' : listed.error.code;
    };
    const circle = [{ rel: 'next', href: 'http://x/?marker=a' }];
    expect(await code({ body: { servers: [server(1, { 'OS-EXT-SRV-ATTR:host': 'other' })] } })).toBe(
      'bad-answer',
    );
    expect(await code({ body: { servers: [server(1, { 'OS-EXT-SRV-ATTR:host': undefined })] } })).toBe(
      'auth-forbidden',
    );
    expect(await code({ body: { servers: [server(1, { 'OS-EXT-STS:vm_state': undefined })] } })).toBe(
      'auth-forbidden',
    );
    expect(await code({ body: { servers: [server(1)], servers_links: circle } })).toBe('bad-answer');
    expect(await code({ body: { servers: [server(1, { created: 'yesterday' })] } })).toBe('bad-answer');
    expect(await code({ body: '<html></html>', headers: { 'content-type': 'text/html' } })).toBe(
      'bad-answer',
    );
    expect(await code({ body: { servers: [] } })).toBe('ok');
  });

  it('tells found, missing and unreadable apart', async () => {
    const { nova } = await connect({
      'GET /compute/v2.1/servers/a': () => ({ body: { server: server(1, { server_groups: ['g'] }) } }),
      'GET /compute/v2.1/servers/b': () => ({
        body: {
          server: { id: 'b', status: 'UNKNOWN', tenant_id: 'p', created: '2026-11-23T04:00:00Z', image: '' },
        },
      }),
    });
    expect(await nova.getServer('a')).toMatchObject({
      value: { kind: 'found', server: { serverGroups: ['g'] } },
    });
    expect(await nova.getServer('b')).toEqual({ ok: true, value: { kind: 'unreadable' } });
    expect(await nova.getServer('c')).toEqual({ ok: true, value: { kind: 'missing' } });
  });

  it('tells what was done with one, and what of it has failed', async () => {
    const { nova } = await connect({
      'GET /compute/v2.1/servers/a/os-instance-actions': () => ({
        body: {
          instanceActions: [
            { action: 'evacuate', message: 'Error', start_time: '2026-11-23T04:00:00.000000' },
            { action: 'stop', message: null, start_time: '2026-11-23T03:00:00.000000' },
          ],
        },
      }),
    });
    expect(await nova.listActions('a')).toMatchObject({
      ok: true,
      value: [
        { action: 'evacuate', hasFailed: true },
        { action: 'stop', hasFailed: false },
      ],
    });
    expect(await nova.listActions('b')).toEqual({ ok: true, value: null });
  });
});

describe('evacuations', () => {
  it('reads all pages, newest first', async () => {
    const all = [5, 4, 3, 2, 1].map((n) => migration(n));
    const { nova, cloud } = await connect({ [MIGRATIONS]: paged('migrations', all) });
    const listed = await nova.listEvacuations({ sourceHost: 'compute-1' });
    expect(listed).toMatchObject({
      value: {
        migrations: [
          { id: 5, instanceId: 'server-5', updatedAt: null },
          { id: 4 },
          { id: 3 },
          { id: 2 },
          { id: 1 },
        ],
      },
    });
    const asked = cloud.requests('GET', '/compute/v2.1/os-migrations');
    expect(asked).toHaveLength(3);
    expect(asked[1]?.query.get('marker')).toBe('migration-4');
    expect(asked[1]?.query.get('migration_type')).toBe('evacuation');
  });

  it('reads evacuations newest first, and no page beyond the time asked for', async () => {
    const all = [migration(5), migration(4), migration(3), migration(2), migration(1)];
    const { nova, cloud } = await connect({ [MIGRATIONS]: paged('migrations', all) });
    const listed = await nova.listEvacuations({
      sourceHost: 'compute-1',
      createdSince: Date.UTC(2026, 10, 23, 4, 0, 4),
    });
    expect(listed).toMatchObject({ value: { migrations: [{ id: 5 }, { id: 4, status: 'accepted' }] } });
    const asked = cloud.requests('GET', '/compute/v2.1/os-migrations');
    expect(asked).toHaveLength(2);
    expect(asked.some((request) => request.query.has('changes-since'))).toBe(false);
  });

  it('asks for the last live migration of a server alone', async () => {
    const live = { migration_type: 'live-migration', instance_uuid: 's', dest_compute: 'compute-2' };
    const all = [migration(3, live), migration(2, { ...live, status: 'error' })];
    const { nova, cloud } = await connect({ [MIGRATIONS]: paged('migrations', all) });
    expect(await nova.lastLiveMigration('s')).toMatchObject({ value: { id: 3, destHost: 'compute-2' } });
    const asked = cloud.requests('GET', '/compute/v2.1/os-migrations');
    expect(asked.map(({ query }) => query.toString())).toEqual([
      'migration_type=live-migration&instance_uuid=s&limit=1',
    ]);
    // A Nova that drops the filters in silence.
    expect(await nova.lastLiveMigration('t')).toEqual({ ok: true, value: null });
    expect(await nova.lastLiveMigration('s', 1)).toMatchObject({ value: { id: 2, status: 'error' } });
    expect(await nova.lastLiveMigration('s', 2)).toEqual({ ok: true, value: null });
  });

  it('lists the live migrations away from a host that ended in error, and all others of late', async () => {
    const live = { migration_type: 'live-migration', dest_compute: 'compute-2' };
    const all = [
      migration(4, { ...live, status: 'error' }),
      migration(3, { ...live, status: 'completed' }),
      migration(2, { status: 'error' }),
      migration(1, { ...live, status: 'error', source_compute: 'compute-3' }),
      migration(0, { ...live, status: 'error' }),
    ];
    const { nova, cloud } = await connect({ [MIGRATIONS]: paged('migrations', all) });
    const since = Date.parse(`${(all[1] as { created_at: string }).created_at}Z`);
    // To the last page of those in error: it may have been long ago.
    expect(await nova.listMovesAway('compute-1', since)).toMatchObject({
      value: [{ id: 4 }, { id: 3 }, { id: 0 }],
    });
    expect(await nova.listMovesAway('compute-1', since + 1_000)).toMatchObject({
      value: [{ id: 4 }, { id: 0 }],
    });
    const [asked] = cloud.requests('GET', '/compute/v2.1/os-migrations');
    expect(asked?.query.get('status')).toBe('error');
    expect(asked?.query.get('source_compute')).toBe('compute-1');
  });

  it('posts an evacuation without keeping its password, and stops a server', async () => {
    const action = 'POST /compute/v2.1/servers/s/action';
    const { nova, cloud } = await connect({
      [action]: (request) =>
        request.body.includes('evacuate') ? { body: { adminPass: 'hunter2' } } : { status: 202, body: '' },
    });
    const taken = await nova.evacuate('s');
    expect(taken).toMatchObject({ ok: true, value: { date: expect.any(Number) } });
    expect(JSON.stringify(taken)).not.toContain('hunter2');
    expect((await nova.stopServer('s')).ok).toBe(true);
    expect(cloud.requests('POST', '/compute/v2.1/servers/s/action').map((each) => each.body)).toEqual([
      '{"evacuate":{}}',
      '{"os-stop":null}',
    ]);
  });

  it("passes on Nova's words and that nothing happened", async () => {
    const message = 'Compute service of compute-1 is still in use.';
    const { nova } = await connect({
      'POST /compute/v2.1/servers/s/action': () => ({
        status: 400,
        body: { badRequest: { code: 400, message } },
      }),
    });
    expect(await nova.evacuate('s')).toMatchObject({
      error: { code: 'http', status: 400, effect: 'none', message },
    });
  });
});

describe('services', () => {
  const record = {
    id: 'uuid-1',
    binary: 'nova-compute',
    host: 'compute-1',
    status: 'disabled',
    state: 'down',
    zone: 'nova',
    updated_at: '2026-11-23T04:00:00.000000',
    disabled_reason: 'instance-ha',
    forced_down: true,
  };

  it('keeps services of a down cell apart from those that are down', async () => {
    const unknown = { binary: 'nova-compute', host: 'compute-9', status: 'UNKNOWN' };
    const { nova } = await connect({
      'GET /compute/v2.1/os-services': (request) => {
        expect(request.query.get('binary')).toBe('nova-compute');
        return { body: { services: [record, unknown] } };
      },
    });
    expect(await nova.listComputeServices()).toMatchObject({
      value: {
        services: [
          {
            id: 'uuid-1',
            state: 'down',
            status: 'disabled',
            forcedDown: true,
            disabledReason: 'instance-ha',
          },
          { id: null, host: 'compute-9', state: 'unknown', status: 'unknown' },
        ],
      },
    });
  });

  it('changes everything in one PUT', async () => {
    const { nova, cloud } = await connect({
      'PUT /compute/v2.1/os-services/uuid-1': () => ({ body: { service: record } }),
    });
    const changed = await nova.updateService('uuid-1', {
      status: 'disabled',
      disabledReason: 'x',
      forcedDown: true,
    });
    expect(changed).toMatchObject({ ok: true, value: { forcedDown: true } });
    const [put] = cloud.requests('PUT', '/compute/v2.1/os-services/uuid-1');
    expect(JSON.parse(put?.body ?? '')).toEqual({
      status: 'disabled',
      disabled_reason: 'x',
      forced_down: true,
    });
  });
});

describe('microversions', () => {
  it.each([
    ['2.1', '2.93', '2.93'],
    ['2.1', '2.96', '2.94'],
    ['2.1', '2.53', '2.53'],
    ['2.1', '2.3', '2.3'],
  ])('between %s and %s uses %s', (min, max, used) => {
    expect(chooseMicroversion(min, max)).toMatchObject({ ok: true, value: { used } });
  });

  it.each([
    ['', ''],
    ['2.95', '3.1'],
  ])('refuses %s to %s', (min, max) => {
    expect(chooseMicroversion(min, max)).toMatchObject({
      ok: false,
      error: { code: 'config', certainty: 'definite' },
    });
  });

  it('takes no HTML for a version document, and asks again', async () => {
    let calls = 0;
    const { nova } = await connect({
      'GET /compute/v2.1/': () => {
        calls += 1;
        return calls === 1
          ? { body: '<html>' }
          : { body: { version: { id: 'v2.1', version: '2.90', min_version: '2.1' } } };
      },
    });
    expect(await nova.microversions()).toMatchObject({ ok: false, error: { code: 'bad-answer' } });
    expect(await nova.microversions()).toMatchObject({ ok: true, value: { used: '2.90' } });
  });
});

it('lists the hypervisors to the last page, without their uptimes', async () => {
  const page = (...names: readonly string[]) =>
    names.map((host) => ({ hypervisor_hostname: `${host}.example.org`, service: { id: host, host } }));
  const next = [{ rel: 'next', href: 'http://nova/v2.1/os-hypervisors/detail?marker=two' }];
  const { session, cloud } = await connect({
    'GET /compute/v2.1/os-hypervisors/detail': ({ query }) => ({
      body:
        query.get('marker') === 'two'
          ? { hypervisors: page('compute-3') }
          : { hypervisors: page('compute-1', 'compute-2'), hypervisors_links: next },
    }),
  });
  expect(await createNova(session).listHypervisors()).toEqual({
    ok: true,
    value: [1, 2, 3].map((n) => ({ hostname: `compute-${n}.example.org`, host: `compute-${n}` })),
  });
  // Nova calls each nova-compute for its uptime from 2.88 on.
  const asked = cloud.requests('GET', '/compute/v2.1/os-hypervisors/detail');
  expect(asked.map(({ headers }) => headers['openstack-api-version'])).toEqual([
    'compute 2.87',
    'compute 2.87',
  ]);
});

it('reads the traits of a resource provider', async () => {
  const uuid = '4e8e5957-649f-477b-9e5b-f1f75b21c03c';
  const { session, cloud } = await connect({
    'GET /placement/resource_providers': (request) => ({
      body: {
        resource_providers:
          request.query.get('name') === 'compute-1' ? [{ uuid, name: 'compute-1', generation: 1 }] : [],
      },
    }),
    [`GET /placement/resource_providers/${uuid}/traits`]: () => ({
      body: { traits: ['COMPUTE_STATUS_DISABLED'] },
    }),
  });
  const placement = createPlacement(session);
  expect(await placement.providerTraits('compute-1')).toEqual({
    ok: true,
    value: ['COMPUTE_STATUS_DISABLED'],
  });
  expect(await placement.providerTraits('none')).toEqual({ ok: true, value: null });
  expect(cloud.requests('GET', '/placement/resource_providers')[0]?.headers['openstack-api-version']).toBe(
    'placement 1.6',
  );
});

describe('the hosts that give resources to an instance', () => {
  const OLD = '4e8e5957-649f-477b-9e5b-f1f75b21c03c';
  const CHOSEN = '5e8e5957-649f-477b-9e5b-f1f75b21c03c';
  const STORAGE = '6e8e5957-649f-477b-9e5b-f1f75b21c03c';
  const given = (resources: Record<string, number>) => ({ generation: 1, resources });

  it('are named, without the shared storage that gives it its disk', async () => {
    const { session, cloud } = await connect({
      'GET /placement/allocations/s': () => ({
        body: {
          allocations: {
            [OLD]: given({ VCPU: 1, MEMORY_MB: 512 }),
            [CHOSEN]: given({ VCPU: 1, MEMORY_MB: 512 }),
            [STORAGE]: given({ DISK_GB: 1 }),
          },
        },
      }),
      [`GET /placement/resource_providers/${OLD}`]: () => ({ body: { uuid: OLD, name: 'compute-2' } }),
      [`GET /placement/resource_providers/${CHOSEN}`]: () => ({ body: { uuid: CHOSEN, name: 'compute-1' } }),
    });
    expect(await createPlacement(session).providersOfConsumer('s')).toEqual({
      ok: true,
      value: ['compute-1', 'compute-2'],
    });
    expect(cloud.requests('GET', `/placement/resource_providers/${STORAGE}`)).toEqual([]);
  });

  it('are none where Placement knows no such consumer, and not known where it answers something else', async () => {
    const bodies: unknown[] = [{ allocations: {} }, { allocations: { [OLD]: {} } }];
    const { session } = await connect({ 'GET /placement/allocations/s': () => ({ body: bodies.shift() }) });
    const placement = createPlacement(session);
    expect(await placement.providersOfConsumer('s')).toEqual({ ok: true, value: [] });
    expect(await placement.providersOfConsumer('s')).toMatchObject({
      ok: false,
      error: { code: 'bad-answer' },
    });
  });

  it('are not known where one of them has no name', async () => {
    const { session } = await connect({
      'GET /placement/allocations/s': () => ({ body: { allocations: { [OLD]: given({ MEMORY_MB: 512 }) } } }),
      [`GET /placement/resource_providers/${OLD}`]: () => ({ status: 404, body: {} }),
    });
    expect(await createPlacement(session).providersOfConsumer('s')).toMatchObject({
      ok: false,
      error: { code: 'http', status: 404 },
    });
  });
});
