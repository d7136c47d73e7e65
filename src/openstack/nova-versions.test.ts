import { afterEach, describe, expect, it } from 'vitest';
import { createNova } from './nova.ts';
import { createSession } from './session.ts';
import { type FakeAnswer, type SeenRequest, startFakeCloud, testCredentials } from './testing.ts';

/** Every Nova from the first with microversions to one that is newer than what is asked for. */
const MAXIMA = ['2.1', '2.13', '2.25', '2.52', '2.60', '2.79', '2.93', '2.96'] as const;
const ROOT = '/compute/v2.1';
const UUID = '4e8e5957-649f-477b-9e5b-f1f75b21c03c';

const minor = (version: string): number => Number(version.split('.')[1]);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Service {
  status: string;
  reason: string | null;
  forcedDown: boolean;
}

/** A Nova that speaks up to `max` and answers each request as its microversion has it; strict where Nova is. */
function fakeNova(max: string) {
  const service: Service = { status: 'enabled', reason: null, forcedDown: false };
  const other = { status: 'enabled', reason: null, forcedDown: false };
  const aggregateHosts = ['compute-1'];

  const serviceRecord = (at: number, host: string, held: Service, id: number) => ({
    id: at >= 53 ? (host === 'compute-1' ? UUID : `${UUID.slice(0, -1)}d`) : id,
    binary: 'nova-compute',
    host,
    zone: 'nova',
    status: held.status,
    state: held.forcedDown ? 'down' : 'up',
    updated_at: '2026-11-23T04:00:00.000000',
    disabled_reason: held.reason,
    ...(at >= 11 ? { forced_down: held.forcedDown } : {}),
  });

  function putService(at: number, path: string, body: Record<string, unknown>): FakeAnswer {
    const action = path.slice(path.lastIndexOf('/') + 1);
    if (at >= 53) {
      if (action !== UUID)
        return { status: 400, body: { badRequest: { message: `Invalid uuid ${action}` } } };
      if ('forced_down' in body) service.forcedDown = body.forced_down as boolean;
      if ('status' in body) service.status = body.status as string;
      service.reason = (body.disabled_reason as string | undefined) ?? service.reason;
      return { body: { service: serviceRecord(at, 'compute-1', service, 7) } };
    }
    if (body.host !== 'compute-1' || body.binary !== 'nova-compute') return { status: 404, body: {} };
    if (action === 'force-down' && at >= 11) service.forcedDown = body.forced_down as boolean;
    else if (action === 'disable-log-reason') {
      service.status = 'disabled';
      service.reason = body.disabled_reason as string;
    } else if (action === 'enable') {
      service.status = 'enabled';
      service.reason = null;
    } else return { status: 404, body: { itemNotFound: { message: 'Unknown action' } } };
    return { body: { service: { host: body.host, binary: body.binary } } };
  }

  const server = (at: number) => ({
    id: 's1',
    name: 'vm-1',
    status: 'ACTIVE',
    'OS-EXT-SRV-ATTR:host': 'compute-1',
    'OS-EXT-STS:vm_state': 'active',
    'OS-EXT-AZ:availability_zone': 'nova',
    flavor:
      at >= 47
        ? { original_name: 'm1.small', vcpus: 1, extra_specs: { evacuable: 'true' } }
        : { id: 'f1', links: [] },
    image: { id: 'i1' },
    tenant_id: 'p1',
    created: '2026-11-23T04:00:00Z',
    updated: '2026-11-23T04:00:00Z',
    ...(at >= 9 ? { locked: true } : {}),
    ...(at >= 26 ? { tags: ['evacuable'] } : {}),
  });

  const migration = (at: number, id: number, source: string, type: string) => ({
    id,
    instance_uuid: `s${id}`,
    source_compute: source,
    dest_compute: null,
    status: 'accepted',
    old_instance_type_id: type === 'evacuation' ? null : 1,
    new_instance_type_id: type === 'evacuation' ? null : 2,
    created_at: `2026-11-23T04:00:0${id}.000000`,
    updated_at: null,
    ...(at >= 23 ? { migration_type: type } : {}),
    ...(at >= 59 ? { uuid: `m${id}` } : {}),
  });

  function migrations(at: number, query: URLSearchParams): FakeAnswer {
    let all = [
      migration(at, 1, 'compute-1', 'evacuation'),
      migration(at, 2, 'compute-1', 'resize'),
      migration(at, 3, 'compute-2', 'evacuation'),
      migration(at, 4, 'compute-1', 'evacuation'),
    ];
    // The oldest ones know neither filter.
    if (minor(max) >= 12) all = all.filter((each) => each.source_compute === query.get('source_compute'));
    if (minor(max) >= 12) all = all.filter((each) => each.old_instance_type_id === null);
    if (at < 59) return { body: { migrations: all } };
    all.reverse();
    const start = all.findIndex((each) => `m${each.id}` === query.get('marker')) + 1;
    const page = all.slice(start, start + Number(query.get('limit')));
    const last = page.at(-1);
    const links = last === undefined ? [] : [{ rel: 'next', href: `http://x/?marker=m${last.id}` }];
    return { body: { migrations: page, migrations_links: links } };
  }

  function flavors(at: number, query: URLSearchParams): FakeAnswer {
    const ids = ['f1', 'f2', 'f3', 'f4'];
    const start = ids.indexOf(query.get('marker') ?? '') + 1;
    const page = ids.slice(start, start + 2);
    const list = page.map((id) => ({
      id,
      name: `flavor ${id}`,
      ...(at >= 61 ? { extra_specs: { evacuable: id } } : {}),
    }));
    const next = start + 2 < ids.length ? [{ rel: 'next', href: `http://x/?marker=${page.at(-1)}` }] : [];
    return { body: { flavors: list, flavors_links: next } };
  }

  function evacuate(at: number, body: Record<string, unknown>): FakeAnswer {
    const allowed = [
      'host',
      'adminPass',
      ...(at < 14 ? ['onSharedStorage'] : []),
      ...(at >= 29 && at < 68 ? ['force'] : []),
    ];
    const strange = Object.keys(body).find((key) => !allowed.includes(key));
    if (strange !== undefined)
      return { status: 400, body: { badRequest: { message: `${strange} is unexpected` } } };
    if (at < 14 && typeof body.onSharedStorage !== 'boolean')
      return { status: 400, body: { badRequest: { message: "'onSharedStorage' is a required property" } } };
    return { body: { adminPass: 'x' } };
  }

  function aggregateAction(body: Record<string, { host: string }>): FakeAnswer {
    const [action = '', { host }] = Object.entries(body)[0] as [string, { host: string }];
    const at = aggregateHosts.indexOf(host);
    if (action === 'add_host' && at >= 0)
      return { status: 409, body: { conflictingRequest: { message: 'exists' } } };
    if (action === 'remove_host' && at < 0) return { status: 404, body: { itemNotFound: { message: 'no' } } };
    if (action === 'add_host') aggregateHosts.push(host);
    else aggregateHosts.splice(at, 1);
    return { body: { aggregate: aggregate() } };
  }
  const aggregate = () => ({
    id: 3,
    name: 'a',
    availability_zone: null,
    hosts: aggregateHosts,
    metadata: { evacuable: 'true' },
  });

  function answer(request: SeenRequest): FakeAnswer | null {
    const { method, path, query } = request;
    if (path === '/v3/auth/tokens') return null;
    if (path === `${ROOT}/`) return { body: { version: { id: 'v2.1', version: max, min_version: '2.1' } } };
    const common = String(request.headers['openstack-api-version'] ?? '').replace('compute ', '');
    const old = String(request.headers['x-openstack-nova-api-version'] ?? '2.1');
    const at = minor(minor(max) >= 27 ? common || old : old);
    if (at > minor(max)) return { status: 406, body: { computeFault: { message: 'not supported' } } };
    const body = request.body === '' ? {} : (JSON.parse(request.body) as Record<string, never>);
    switch (`${method} ${path.slice(ROOT.length)}`) {
      case 'GET /os-services':
        return {
          body: {
            services: [
              serviceRecord(at, 'compute-1', service, 7),
              serviceRecord(at, 'compute-2', other, 8),
            ].filter((each) => [null, each.host].includes(query.get('host'))),
          },
        };
      case 'GET /servers/detail':
        return { body: { servers: [server(at)] } };
      case 'GET /os-migrations':
        return migrations(at, query);
      case 'POST /servers/s1/action':
        return evacuate(at, body.evacuate ?? {});
      case 'GET /flavors/detail':
        return flavors(at, query);
      case 'GET /flavors/f1/os-extra_specs':
      case 'GET /flavors/f2/os-extra_specs':
      case 'GET /flavors/f3/os-extra_specs':
        return { body: { extra_specs: { evacuable: path.split('/').at(-2) } } };
      case 'GET /os-aggregates':
        return { body: { aggregates: [aggregate()] } };
      case 'GET /os-aggregates/3':
        return { body: { aggregate: aggregate() } };
      case 'POST /os-aggregates/3/action':
        return aggregateAction(body);
      case 'GET /os-server-groups': {
        const groups = Array.from({ length: 5 }, (_, n) => ({
          id: `g${n}`,
          name: `group ${n}`,
          members: [`s${n}`],
          ...(at >= 64
            ? { policy: 'anti-affinity', rules: {} }
            : { policies: ['anti-affinity'], metadata: {} }),
        }));
        const offset = Number(query.get('offset'));
        return { body: { server_groups: groups.slice(offset, offset + Number(query.get('limit'))) } };
      }
      default:
        return path.startsWith(`${ROOT}/os-services/`) && method === 'PUT'
          ? putService(at, path, body)
          : null;
    }
  }
  return { answer, service, aggregateHosts };
}

async function connect(max: string) {
  const fake = fakeNova(max);
  const cloud = await startFakeCloud({ handle: (request) => fake.answer(request) });
  const session = createSession(testCredentials(cloud.url));
  cleanups.push(
    () => cloud.close(),
    () => session.close(),
  );
  const nova = createNova(session, { pageLimit: 2 });
  return { cloud, nova, fake };
}

describe.each(MAXIMA)('a Nova up to %s', (max) => {
  const m = minor(max);

  it('is asked for no more than it knows, and for 2.94 at most', async () => {
    const { nova } = await connect(max);
    const used = m > 94 ? '2.94' : max;
    expect(await nova.microversions()).toEqual({ ok: true, value: { min: '2.1', max, used } });
  });

  it('has its service disabled and forced down, and enabled again', async () => {
    const { nova, fake, cloud } = await connect(max);
    const listed = await nova.listComputeServices();
    if (!listed.ok) throw new Error(listed.error.code);
    const [first] = listed.value.services;
    expect(first).toMatchObject({
      id: m >= 53 ? UUID : 'nova-compute@compute-1',
      forcedDown: m >= 11 ? false : null,
    });
    const down = await nova.updateService(first?.id ?? '', {
      forcedDown: true,
      status: 'disabled',
      disabledReason: 'ours',
    });
    expect(down).toMatchObject({
      ok: true,
      value: {
        host: 'compute-1',
        status: 'disabled',
        disabledReason: 'ours',
        forcedDown: m >= 11 ? true : null,
      },
    });
    expect(fake.service).toEqual({ status: 'disabled', reason: 'ours', forcedDown: m >= 11 });
    const puts = cloud.seen
      .filter((each) => each.method === 'PUT')
      .map((each) => each.path.split('/').at(-1));
    expect(puts).toEqual(
      m >= 53 ? [UUID] : m >= 11 ? ['force-down', 'disable-log-reason'] : ['disable-log-reason'],
    );
    expect((await nova.updateService(first?.id ?? '', { forcedDown: false })).ok).toBe(true);
    expect((await nova.updateService(first?.id ?? '', { status: 'enabled' })).ok).toBe(true);
    expect(fake.service).toMatchObject({ status: 'enabled', forcedDown: false });
  });

  it('shows of a server what it knows, and null for the rest', async () => {
    const { nova } = await connect(max);
    const listed = await nova.listServers({ host: 'compute-1' });
    expect(listed).toMatchObject({
      value: {
        servers: [
          {
            locked: m >= 9 ? true : null,
            tags: m >= 26 ? ['evacuable'] : null,
            availabilityZone: 'nova',
            flavor:
              m >= 47
                ? { name: 'm1.small', id: null, extraSpecs: { evacuable: 'true' } }
                : { name: null, id: 'f1', extraSpecs: null },
          },
        ],
      },
    });
  });

  it('lists all flavors with their extra specs, page after page', async () => {
    const { nova, cloud } = await connect(max);
    const listed = await nova.listFlavors();
    if (!listed.ok) throw new Error(listed.error.code);
    expect([...listed.value].sort((a, b) => a.id.localeCompare(b.id))).toEqual(
      // The last one has been deleted since it was listed.
      ['f1', 'f2', 'f3', ...(m >= 61 ? ['f4'] : [])].map((id) => ({
        id,
        name: `flavor ${id}`,
        extraSpecs: { evacuable: id },
      })),
    );
    expect(cloud.requests('GET', `${ROOT}/flavors/detail`)[0]?.query.get('is_public')).toBe('None');
  });

  it('gives the evacuations of one host, newest first', async () => {
    const { nova, cloud } = await connect(max);
    expect(await nova.listEvacuations({ sourceHost: 'compute-1' })).toMatchObject({
      value: { migrations: [{ id: 4 }, { id: 1 }] },
    });
    const asked = cloud.requests('GET', `${ROOT}/os-migrations`);
    expect(asked[0]?.query.has('limit')).toBe(m >= 59);
    const since = Date.UTC(2026, 10, 23, 4, 0, 2);
    expect(await nova.listEvacuations({ sourceHost: 'compute-1', createdSince: since })).toMatchObject({
      value: { migrations: [{ id: 4 }] },
    });
  });

  it('takes an evacuation, told of the storage where it needs to be told', async () => {
    const { nova, cloud } = await connect(max);
    expect((await nova.evacuate('s1')).ok).toBe(true);
    expect((await nova.evacuate('s1', { host: 'compute-2', onSharedStorage: false })).ok).toBe(true);
    const bodies = cloud.requests('POST', `${ROOT}/servers/s1/action`).map((each) => JSON.parse(each.body));
    expect(bodies).toEqual([
      { evacuate: m < 14 ? { onSharedStorage: true } : {} },
      { evacuate: { host: 'compute-2', ...(m < 14 ? { onSharedStorage: false } : {}) } },
    ]);
  });

  it('shows all pages of its server groups, and its aggregates', async () => {
    const { nova, fake } = await connect(max);
    const groups = await nova.listServerGroups();
    if (!groups.ok) throw new Error(groups.error.code);
    expect(groups.value.map((each) => each.id)).toEqual(['g0', 'g1', 'g2', 'g3', 'g4']);
    expect(groups.value[0]).toEqual({ id: 'g0', name: 'group 0', policy: 'anti-affinity', members: ['s0'] });
    expect(await nova.listAggregates()).toMatchObject({
      value: [{ id: 3, metadata: { evacuable: 'true' } }],
    });
    expect(await nova.addHostToAggregate(3, 'compute-2')).toMatchObject({ ok: true });
    expect(await nova.addHostToAggregate(3, 'compute-2')).toMatchObject({ ok: true });
    expect(fake.aggregateHosts).toEqual(['compute-1', 'compute-2']);
    expect(await nova.removeHostFromAggregate(3, 'compute-2')).toMatchObject({ ok: true });
    expect(await nova.removeHostFromAggregate(3, 'compute-2')).toMatchObject({ ok: true });
    expect(await nova.removeHostFromAggregate(9, 'compute-2')).toMatchObject({ ok: false });
  });
});

it('takes an id from before an upgrade of Nova for what it is', async () => {
  const old = await connect('2.52');
  expect(await old.nova.updateService(UUID, { status: 'enabled' })).toMatchObject({
    ok: false,
    error: { code: 'config' },
  });
});
