import { at, eventually, like, listAt } from '../like.ts';
import type { Chapter } from '../statement.ts';
import { changeService, serviceOf, traitsOf } from './services.ts';

const UNKNOWN_HOST = 'no-such-host';
const OVER_LIMIT_MS = 40_000;
const DONE_OR_FAILED = /^(done|failed)$/;
/** Long enough to look at what is under way. */
const SPAWN_S = 3;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000$/;

export const evacuation: Chapter = {
  title: 'An evacuation',
  tell(place) {
    const [source, destination, third] = place.computes;
    const ids = { running: '', stopped: '', paused: '', failing: '', second: '', pair: '' };
    const evacuate = (id: string, options: object = {}) =>
      place.ask('compute', 'POST', `/servers/${id}/action`, { body: { evacuate: options } });
    const server = async (id: string) => (await place.ask('compute', 'GET', `/servers/${id}`)).body;
    const migrations = async (query = '') =>
      (
        await place.ask(
          'compute',
          'GET',
          `/os-migrations?migration_type=evacuation&source_compute=${source}${query}`,
        )
      ).body;
    const recordsOf = async (id: string) =>
      listAt(await migrations(), 'migrations').filter((each) => each.instance_uuid === id);
    const statusOf = async (id: string) => (await recordsOf(id))[0]?.status;
    const statusesOf = async (id: string) => (await recordsOf(id)).map((each) => String(each.status)).sort();
    const hostsOf = async (id: string): Promise<string[]> => {
      const { body } = await place.ask('placement', 'GET', `/allocations/${id}`);
      const names = Object.keys(at(body, 'allocations') as object).map(async (uuid) =>
        String(at((await place.ask('placement', 'GET', `/resource_providers/${uuid}`)).body, 'name')),
      );
      return (await Promise.all(names)).sort();
    };

    return [
      {
        says: 'while the host is up it is refused with 400',
        async holds() {
          const [running = '', stopped = '', paused = '', failing = '', second = '', pair = ''] =
            await place.makeServers([
              { host: source },
              { host: source, state: 'stopped' },
              { host: source, state: 'paused' },
              { host: source },
              { host: source },
              { host: source },
            ]);
          Object.assign(ids, { running, stopped, paused, failing, second, pair });
          like(await evacuate(running), {
            status: 400,
            body: { badRequest: { code: 400, message: `Compute service of ${source} is still in use.` } },
          });
          like(await server(running), { server: { status: 'ACTIVE', 'OS-EXT-STS:task_state': null } });
        },
      },
      {
        says: 'what a body may not say is 400: the source itself, a member that is none, below 2.14 nothing of the storage',
        async holds() {
          await changeService(place, source, { forced_down: true });
          like(await evacuate(ids.running, { host: source }), {
            status: 400,
            body: { badRequest: { message: "The target host can't be the same one." } },
          });
          like(await evacuate(ids.running, { nothing: 1 }), {
            status: 400,
            body: {
              badRequest: {
                message:
                  /^Invalid input for field\/attribute evacuate\. Value: \{.+\}\. Additional properties are not allowed \('nothing' was unexpected\)$/,
              },
            },
          });
          const action = { body: { evacuate: {} }, microversion: '2.13' };
          like(await place.ask('compute', 'POST', `/servers/${ids.running}/action`, action), {
            status: 400,
            body: {
              badRequest: {
                message:
                  "Invalid input for field/attribute evacuate. Value: {}. 'onSharedStorage' is a required property",
              },
            },
          });
        },
      },
      {
        says: 'a host that Nova does not know is 404, a paused server 409',
        async holds() {
          like(await evacuate(ids.running, { host: UNKNOWN_HOST }), {
            status: 404,
            body: { itemNotFound: { message: `Compute host ${UNKNOWN_HOST} not found.` } },
          });
          like(await evacuate(ids.paused), {
            status: 409,
            body: {
              conflictingRequest: {
                message: `Cannot 'evacuate' instance ${ids.paused} while it is in vm_state paused`,
              },
            },
          });
        },
      },
      {
        says: 'accepted is 200 without a body; the record is there at once, and the server REBUILD on its old host',
        async holds() {
          // Nova takes the host for dead now; else its guests would run twice.
          place.killGuests(source);
          place.slowSpawns(SPAWN_S);
          like(await evacuate(ids.running, { host: destination }), { status: 200, body: null });
          like(await recordsOf(ids.running), [
            {
              migration_type: 'evacuation',
              source_compute: source,
              instance_uuid: ids.running,
              status: /^(accepted|pre-migrating)$/,
              created_at: TIME,
            },
          ]);
          like(await server(ids.running), {
            server: { status: 'REBUILD', 'OS-EXT-SRV-ATTR:host': source, 'OS-EXT-STS:task_state': /^rebuil/ },
          });
        },
      },
      {
        says: 'changes-since hides a record until it has been changed once',
        async holds() {
          like((await evacuate(ids.second, { host: destination })).status, 200, 'status');
          const since = encodeURIComponent(new Date(Date.now() - 600_000).toISOString());
          const record = (await recordsOf(ids.second))[0];
          if (record?.updated_at === null) {
            const changed = listAt(await migrations(`&changes-since=${since}`), 'migrations');
            const seen = changed.find((each) => each.instance_uuid === ids.second);
            // It may have been changed between the two looks.
            if (seen !== undefined) like(seen.updated_at, TIME, 'one that is listed');
          }
        },
      },
      {
        says: 'under way it is pre-migrating with its destination, both hosts give resources, and os-stop and a hard reboot are 409',
        async holds() {
          const underWay = {
            status: 'pre-migrating',
            dest_compute: destination,
            dest_node: /./,
            updated_at: TIME,
          };
          await eventually(async () => (await recordsOf(ids.running))[0], underWay, OVER_LIMIT_MS);
          like(await hostsOf(ids.running), [source, destination].sort());
          const actions = { stop: { 'os-stop': null }, reboot: { reboot: { type: 'HARD' } } };
          for (const [name, body] of Object.entries(actions)) {
            const message = new RegExp(`^Cannot '${name}' instance .* while it is in task_state rebuil`);
            like(await place.ask('compute', 'POST', `/servers/${ids.running}/action`, { body }), {
              status: 409,
              body: { conflictingRequest: { message } },
            });
          }
        },
      },
      {
        says: 'done: the server runs on its destination, and the record says so not before',
        async holds() {
          const isDone = async () => ({
            // In this order: what is read later may be newer.
            record: await statusOf(ids.running),
            host: at(await server(ids.running), 'server', 'OS-EXT-SRV-ATTR:host'),
          });
          const seen = new Set<string>();
          const look = async () => {
            const now = await isDone();
            seen.add(`${now.record} ${now.host}`);
            return now;
          };
          await eventually(look, { host: destination, record: 'done' }, OVER_LIMIT_MS);
          like(seen.has(`done ${source}`), false, 'done with the old host');
          like(await server(ids.running), {
            server: { status: 'ACTIVE', 'OS-EXT-STS:task_state': null, 'OS-EXT-STS:power_state': 1 },
          });
          like(await hostsOf(ids.running), [source, destination].sort());
        },
      },
      {
        says: 'a stopped server is stopped afterwards',
        async holds() {
          place.slowSpawns(0);
          like((await evacuate(ids.stopped, { host: third })).status, 200, 'status');
          await eventually(() => statusOf(ids.stopped), 'done', OVER_LIMIT_MS);
          like(await server(ids.stopped), {
            server: {
              status: 'SHUTOFF',
              'OS-EXT-SRV-ATTR:host': third,
              'OS-EXT-STS:power_state': 4,
              'OS-EXT-STS:task_state': null,
            },
          });
        },
      },
      {
        says: 'a spawn that fails leaves the record failed and the server in ERROR on its old host, with a fault',
        async holds() {
          place.failSpawns(ids.failing, true);
          like((await evacuate(ids.failing)).status, 200, 'status');
          await eventually(() => statusOf(ids.failing), 'failed', OVER_LIMIT_MS);
          const failed = {
            server: {
              status: 'ERROR',
              'OS-EXT-SRV-ATTR:host': source,
              'OS-EXT-STS:vm_state': 'error',
              'OS-EXT-STS:task_state': null,
              fault: { code: 500, message: /./, created: /Z$/ },
            },
          };
          // The record first, the server then (nova/compute/manager.py _error_out_instance_on_exception).
          await eventually(() => server(ids.failing), failed, OVER_LIMIT_MS);
          place.failSpawns(ids.failing, false);
        },
      },
      {
        says: 'a second request before the first has its destination is accepted, and spoils both: one record stays accepted, whatever the other comes to',
        async holds() {
          await eventually(() => statusOf(ids.second), 'done', OVER_LIMIT_MS);
          // To one host, so that no guest runs twice. The conductor takes the first record for both
          // (nova/conductor/manager.py rebuild_instance), both destinations write into it, and the last word stays:
          // done, or failed by whichever finds the server changed. What becomes of the server is chance: it has been
          // seen in ERROR, in REBUILD for ever, and moved.
          const both = await Promise.all(
            [ids.pair, ids.pair].map((id) => evacuate(id, { host: destination })),
          );
          like(
            both.map(({ status }) => status),
            [200, 200],
          );
          await eventually(() => statusesOf(ids.pair), ['accepted', DONE_OR_FAILED], OVER_LIMIT_MS);
        },
      },
      {
        says: 'no valid host leaves the record in error and the server in ERROR, within seconds of a 200',
        async holds() {
          for (const host of [destination, third]) await changeService(place, host, { status: 'disabled' });
          try {
            like((await evacuate(ids.failing)).status, 200, 'status');
            await eventually(() => statusOf(ids.failing), 'error', OVER_LIMIT_MS);
            const refused = {
              server: {
                status: 'ERROR',
                'OS-EXT-SRV-ATTR:host': source,
                fault: { code: 500, message: /^No valid host was found\./ },
              },
            };
            // The record first, the server then, here, too (nova/conductor/manager.py rebuild_instance).
            await eventually(() => server(ids.failing), refused, OVER_LIMIT_MS);
          } finally {
            for (const host of [destination, third]) await changeService(place, host, { status: 'enabled' });
          }
        },
      },
      {
        says: 'one in ERROR can be evacuated, and is ACTIVE then',
        async holds() {
          like((await evacuate(ids.failing, { host: destination })).status, 200, 'status');
          await eventually(() => statusOf(ids.failing), 'done', OVER_LIMIT_MS);
          like(await server(ids.failing), {
            server: { status: 'ACTIVE', 'OS-EXT-SRV-ATTR:host': destination },
          });
        },
      },
      {
        says: 'the records are listed newest first and in pages; a marker that is none is 400',
        async holds() {
          const all = listAt(await migrations(), 'migrations').map((each) => String(each.uuid));
          const first = await migrations('&limit=1');
          like(
            listAt(first, 'migrations').map((each) => each.uuid),
            all.slice(0, 1),
          );
          const next = listAt(first, 'migrations_links').find((each) => each.rel === 'next');
          like(new URL(String(next?.href)).searchParams.get('marker'), all[0] ?? '', 'marker');
          const second = await migrations(`&limit=1&marker=${all[0]}`);
          like(
            listAt(second, 'migrations').map((each) => each.uuid),
            all.slice(1, 2),
          );
          const unknown = '00000000-0000-4000-8000-00000000dead';
          like(await place.ask('compute', 'GET', `/os-migrations?limit=1&marker=${unknown}`), {
            status: 400,
            body: { badRequest: { message: /could not be found/ } },
          });
          const created = listAt(await migrations(), 'migrations').map((each) => String(each.created_at));
          like([...created].sort().reverse(), created);
        },
      },
      {
        says: 'the source cannot be forced up while a record of it is done',
        async holds() {
          like(await changeService(place, source, { forced_down: false }), {
            status: 400,
            body: {
              badRequest: {
                code: 400,
                message: /^Unable to force up host .* as `done` evacuation migration records remain/,
              },
            },
          });
          like(await serviceOf(place, source), { forced_down: true, state: 'down' });
        },
      },
      {
        says: 'a start of nova-compute completes the newest record of each server, an accepted one as well, and the source gives nothing any more',
        async holds() {
          await place.restartNovaCompute(source);
          await eventually(() => statusOf(ids.running), 'completed', OVER_LIMIT_MS);
          await eventually(() => hostsOf(ids.running), [destination], OVER_LIMIT_MS);
          // An older one that is done waits for the next start (nova/compute/manager.py
          // _destroy_evacuated_instances takes one record a server), and keeps the source down until then.
          const ofPair = await eventually(
            () => statusesOf(ids.pair),
            ['completed', DONE_OR_FAILED],
            OVER_LIMIT_MS,
          );
          if (ofPair.includes('done')) {
            await place.restartNovaCompute(source);
            await eventually(() => statusesOf(ids.pair), ['completed', 'completed'], OVER_LIMIT_MS);
          }
          const ofFailing = ['completed', 'error', 'failed'];
          await eventually(() => statusesOf(ids.failing), ofFailing, OVER_LIMIT_MS);
          like(await serviceOf(place, source), { forced_down: true, state: 'down' });
        },
      },
      {
        says: 'then it can be forced up, and is up after its next report',
        async holds() {
          like(await changeService(place, source, { forced_down: false }), { status: 200 });
          await eventually(
            () => serviceOf(place, source),
            { state: 'up', forced_down: false },
            OVER_LIMIT_MS,
          );
          like((await traitsOf(place, source)).includes('COMPUTE_STATUS_DISABLED'), false, 'the trait');
        },
      },
      {
        says: 'its ports are bound where it went',
        async holds() {
          const query = `device_id=${ids.running}&device_id=${ids.stopped}&fields=id&fields=device_id&fields=status&fields=binding:host_id&fields=fixed_ips`;
          const ports = listAt((await place.ask('network', 'GET', `/v2.0/ports?${query}`)).body, 'ports');
          const of = (id: string) => ports.find((each) => each.device_id === id);
          like(of(ids.running), {
            id: /./,
            'binding:host_id': destination,
            fixed_ips: [{ ip_address: /^[\d.]+$/ }],
          });
          like(of(ids.stopped), { 'binding:host_id': third });
          like(Object.keys(of(ids.running) as object).sort(), [
            'binding:host_id',
            'device_id',
            'fixed_ips',
            'id',
            'status',
          ]);
        },
      },
    ];
  },
};
