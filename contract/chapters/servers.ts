import { at, eventually, like, listAt } from '../like.ts';
import type { Chapter } from '../statement.ts';

const UNKNOWN = '00000000-0000-4000-8000-00000000dead';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const STOP_LIMIT_MS = 20_000;

export const servers: Chapter = {
  title: "Nova's servers",
  tell(place) {
    const [host, other] = place.computes;
    let ids: readonly string[] = [];
    const get = async (id: string, microversion?: string) =>
      (
        await place.ask(
          'compute',
          'GET',
          `/servers/${id}`,
          microversion === undefined ? {} : { microversion },
        )
      ).body;
    const list = async (query: string, microversion?: string) =>
      place.ask(
        'compute',
        'GET',
        `/servers/detail?${query}`,
        microversion === undefined ? {} : { microversion },
      );
    const idsOf = (body: unknown): string[] => listAt(body, 'servers').map(({ id }) => String(id));

    return [
      {
        says: 'a server shows where it is and how it is, its flavor, image and addresses',
        async holds() {
          ids = await place.makeServers([{ host }, { host, state: 'stopped' }, { host: other }]);
          const isVersion = (version: unknown): boolean => version === 4;
          const [id = ''] = ids;
          like(await get(id), {
            server: {
              id,
              name: 'contract',
              status: 'ACTIVE',
              'OS-EXT-SRV-ATTR:host': host,
              'OS-EXT-SRV-ATTR:hypervisor_hostname': /./,
              'OS-EXT-STS:vm_state': 'active',
              'OS-EXT-STS:task_state': null,
              'OS-EXT-STS:power_state': 1,
              'OS-EXT-AZ:availability_zone': 'nova',
              locked: false,
              tags: [],
              server_groups: [],
              metadata: {},
              flavor: { original_name: /./, extra_specs: {} },
              image: { id: /^[0-9a-f-]{36}$/ },
              tenant_id: /./,
              'os-extended-volumes:volumes_attached': [],
              created: TIME,
              updated: TIME,
            },
          });
          const networks = Object.values(at(await get(id), 'server', 'addresses') as object);
          like(networks, [[{ addr: /^[\d.]+$/, version: isVersion, 'OS-EXT-IPS:type': 'fixed' }]]);
          like(await get(ids[1] ?? ''), {
            server: { status: 'SHUTOFF', 'OS-EXT-STS:vm_state': 'stopped', 'OS-EXT-STS:power_state': 4 },
          });
        },
      },
      {
        says: 'older microversions leave out what they do not know: groups, flavor, tags, lock',
        async holds() {
          const [id = ''] = ids;
          const has = async (name: string, microversion: string): Promise<boolean> =>
            name in (at(await get(id, microversion), 'server') as object);
          like(await has('server_groups', '2.70'), false, 'server_groups at 2.70');
          like(await has('tags', '2.25'), false, 'tags at 2.25');
          like(await has('locked', '2.8'), false, 'locked at 2.8');
          const flavor = at(await get(id, '2.46'), 'server', 'flavor') as object;
          like('original_name' in flavor, false, 'original_name at 2.46');
          like('id' in flavor, true, 'id of the flavor at 2.46');
          const listed = listAt((await list(`all_tenants=1&host=${host}`)).body, 'servers')[0] as object;
          like('server_groups' in listed, false, 'server_groups in a list');
        },
      },
      {
        says: 'a host selects exactly its servers, and a page names the next until there is none',
        async holds() {
          const here = idsOf((await list(`all_tenants=1&host=${host}`)).body);
          like(here.includes(ids[0] ?? '') && here.includes(ids[1] ?? ''), true, 'both are listed');
          like(here.includes(ids[2] ?? ''), false, 'the one elsewhere is listed');
          const seen: string[] = [];
          let marker: string | null = '';
          for (let page = 0; marker !== null && page < 50; page++) {
            const { body } = await list(
              `all_tenants=1&host=${host}&limit=1${marker === '' ? '' : `&marker=${marker}`}`,
            );
            seen.push(...idsOf(body));
            const next = (at(body, 'servers_links') as { rel: string; href: string }[] | undefined)?.find(
              ({ rel }) => rel === 'next',
            );
            marker = next === undefined ? null : new URL(next.href).searchParams.get('marker');
          }
          like(seen.sort(), here.sort());
        },
      },
      {
        says: 'a marker that is none is 400, and so is a limit below 0',
        async holds() {
          like(await list(`all_tenants=1&marker=${UNKNOWN}`), {
            status: 400,
            body: { badRequest: { code: 400, message: `marker [${UNKNOWN}] not found` } },
          });
          like(await list('all_tenants=1&limit=-1'), { status: 400, body: { badRequest: { code: 400 } } });
        },
      },
      {
        says: 'a server that is not there is 404, whether it is read or acted on',
        async holds() {
          const missing = (words: string) => ({
            status: 404,
            body: { itemNotFound: { code: 404, message: `Instance ${UNKNOWN} ${words}.` } },
          });
          const act = (body: unknown) => place.ask('compute', 'POST', `/servers/${UNKNOWN}/action`, { body });
          like(await place.ask('compute', 'GET', `/servers/${UNKNOWN}`), missing('could not be found'));
          like(await act({ evacuate: {} }), missing('could not be found'));
          like(await act({ 'os-stop': null }), missing('has no mapping to a cell'));
        },
      },
      {
        says: 'a stopped server is not moved alive: 409',
        async holds() {
          const id = ids[1] ?? '';
          const body = { 'os-migrateLive': { host: null, block_migration: 'auto' } };
          like(await place.ask('compute', 'POST', `/servers/${id}/action`, { body }), {
            status: 409,
            body: {
              conflictingRequest: {
                message: `Cannot 'os-migrateLive' instance ${id} while it is in vm_state stopped`,
              },
            },
          });
        },
      },
      {
        says: 'os-stop is 202, and the server SHUTOFF soon; of one that is stopped it is 409',
        async holds() {
          const id = ids[2] ?? '';
          const stop = () =>
            place.ask('compute', 'POST', `/servers/${id}/action`, { body: { 'os-stop': null } });
          like(await stop(), { status: 202, body: null });
          const stopped = {
            server: { status: 'SHUTOFF', 'OS-EXT-STS:task_state': null, 'OS-EXT-STS:power_state': 4 },
          };
          await eventually(() => get(id), stopped, STOP_LIMIT_MS);
          like(await stop(), {
            status: 409,
            body: {
              conflictingRequest: {
                code: 409,
                message: `Cannot 'stop' instance ${id} while it is in vm_state stopped`,
              },
            },
          });
        },
      },
      {
        says: 'a hard reboot is 202, also of one that is stopped, which runs afterwards',
        async holds() {
          const id = ids[1] ?? '';
          const body = { reboot: { type: 'HARD' } };
          like(await place.ask('compute', 'POST', `/servers/${id}/action`, { body }), {
            status: 202,
            body: null,
          });
          const running = { server: { status: 'ACTIVE', 'OS-EXT-STS:task_state': null } };
          await eventually(() => get(id), running, STOP_LIMIT_MS);
          const { body: done } = await place.ask('compute', 'GET', `/servers/${id}/os-instance-actions`);
          like(at(done, 'instanceActions', '0', 'action'), 'reboot');
        },
      },
      {
        says: 'what was done with a server is listed newest first: that it was stopped, and made',
        async holds() {
          const { status, body } = await place.ask(
            'compute',
            'GET',
            `/servers/${ids[2]}/os-instance-actions`,
          );
          like(status, 200, 'status');
          like(body, {
            instanceActions: [
              { action: 'stop', message: null },
              { action: 'create', message: null },
            ],
          });
          like(
            (await place.ask('compute', 'GET', `/servers/${UNKNOWN}/os-instance-actions`)).status,
            404,
            'status',
          );
        },
      },
      {
        says: 'an action that is none is 400',
        async holds() {
          like(await place.ask('compute', 'POST', `/servers/${ids[0]}/action`, { body: { dance: null } }), {
            status: 400,
            body: { badRequest: { code: 400, message: 'There is no such action: dance' } },
          });
        },
      },
      {
        says: 'one deleted is 404 and in no list, but with changes-since, as DELETED and on no host',
        async holds() {
          const id = ids[2] ?? '';
          const since = new Date(Date.now() - 60_000).toISOString().slice(0, 19);
          await place.deleteServer(id);
          like((await place.ask('compute', 'GET', `/servers/${id}`)).status, 404, 'status');
          like(idsOf((await list('all_tenants=1')).body).includes(id), false, 'in the list');
          const changed = listAt((await list(`all_tenants=1&changes-since=${since}Z`)).body, 'servers');
          like(
            changed.find((each) => each.id === id),
            { status: 'DELETED', 'OS-EXT-STS:vm_state': 'deleted' },
            'the deleted one',
          );
          const later = new Date(Date.now() + 60_000).toISOString().slice(0, 19);
          like((await list(`all_tenants=1&changes-since=${later}Z`)).body, { servers: [] });
        },
      },
      {
        says: 'a server group lists its members; its policy is one word from 2.64 on',
        async holds() {
          const group = await place.makeGroup('anti-affinity');
          const [member = ''] = await place.makeServers([{ host, group }]);
          const find = async (microversion: string) =>
            listAt(
              (await place.ask('compute', 'GET', '/os-server-groups?all_projects=true', { microversion }))
                .body,
              'server_groups',
            ).find((each) => each.id === group);
          like(await find('2.93'), { id: group, policy: 'anti-affinity', rules: {}, members: [member] });
          like(await find('2.63'), { id: group, policies: ['anti-affinity'], members: [member] });
          like(at(await get(member), 'server', 'server_groups'), [group]);
          await place.deleteServer(member);
          like(await find('2.93'), { members: [] });
        },
      },
      {
        says: 'an aggregate takes a host once (409) and gives it back once (404)',
        async holds() {
          const id = await place.makeAggregate([host]);
          const act = (action: string) =>
            place.ask('compute', 'POST', `/os-aggregates/${id}/action`, { body: { [action]: { host } } });
          like(await place.ask('compute', 'GET', `/os-aggregates/${id}`), {
            status: 200,
            body: {
              aggregate: { id, name: 'contract', availability_zone: null, hosts: [host], metadata: {} },
            },
          });
          like(await act('add_host'), {
            status: 409,
            body: { conflictingRequest: { message: /already has host/ } },
          });
          like(await act('remove_host'), { status: 200, body: { aggregate: { hosts: [] } } });
          like(await act('remove_host'), {
            status: 404,
            body: { itemNotFound: { message: /^Cannot remove host/ } },
          });
          like(await place.ask('compute', 'GET', '/os-aggregates/99999'), {
            status: 404,
            body: { itemNotFound: { message: 'Aggregate 99999 could not be found.' } },
          });
        },
      },
      {
        says: 'flavors carry their extra specs from 2.61 on; before, they are asked for one by one',
        async holds() {
          const flavors = async (microversion: string) =>
            listAt(
              (await place.ask('compute', 'GET', '/flavors/detail?is_public=None', { microversion })).body,
              'flavors',
            );
          const [flavor] = await flavors('2.93');
          like(flavor, { id: /./, name: /./, extra_specs: {} });
          like('extra_specs' in ((await flavors('2.60'))[0] as object), false, 'extra_specs at 2.60');
          like(await place.ask('compute', 'GET', `/flavors/${flavor?.id}/os-extra_specs`), {
            status: 200,
            body: { extra_specs: {} },
          });
          like(await place.ask('compute', 'GET', '/flavors/none/os-extra_specs'), { status: 404 });
        },
      },
    ];
  },
};
