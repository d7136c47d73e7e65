import { eventually, like, listAt } from '../like.ts';
import type { Place } from '../place.ts';
import type { Chapter } from '../statement.ts';

/** nova/api/openstack/compute/services.py: naive, and whole seconds. */
const NAIVE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SEEN_LIMIT_MS = 20_000;
const TRAIT = 'COMPUTE_STATUS_DISABLED';

export async function serviceOf(
  place: Place,
  host: string,
  microversion?: string,
): Promise<Record<string, unknown>> {
  const query = `binary=nova-compute&host=${host}`;
  const answer = await place.ask(
    'compute',
    'GET',
    `/os-services?${query}`,
    microversion === undefined ? {} : { microversion },
  );
  return listAt(answer.body, 'services')[0] as Record<string, unknown>;
}

export async function changeService(place: Place, host: string, body: unknown) {
  const { id } = await serviceOf(place, host);
  return place.ask('compute', 'PUT', `/os-services/${id}`, { body });
}

export async function traitsOf(place: Place, host: string): Promise<readonly unknown[]> {
  const found = await place.ask('placement', 'GET', `/resource_providers?name=${host}`);
  const uuid = listAt(found.body, 'resource_providers')[0]?.uuid;
  const { body } = await place.ask('placement', 'GET', `/resource_providers/${uuid}/traits`);
  return listAt(body, 'traits');
}

export const services: Chapter = {
  title: "Nova's services and versions",
  tell(place) {
    const [host] = place.computes;
    return [
      {
        says: 'the version document says from which to which microversion Nova goes',
        async holds() {
          const version = { id: 'v2.1', status: 'CURRENT', version: '2.93', min_version: '2.1' };
          like(await place.ask('compute', 'GET', '/'), { status: 200, body: { version } });
        },
      },
      {
        says: 'a microversion too high is 406, one that is none is 400',
        async holds() {
          like(await place.ask('compute', 'GET', '/os-services', { microversion: '2.999' }), {
            status: 406,
            body: {
              computeFault: {
                code: 406,
                message: 'Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.93.',
              },
            },
          });
          like(await place.ask('compute', 'GET', '/os-services', { microversion: 'two' }), {
            status: 400,
            body: {
              badRequest: {
                code: 400,
                message: 'API Version String two is of invalid format. Must be of format MajorNum.MinorNum.',
              },
            },
          });
        },
      },
      {
        says: 'an answer names the microversion that it was given in',
        async holds() {
          const answer = await place.ask('compute', 'GET', '/os-services', { microversion: '2.60' });
          like(answer.headers, {
            'openstack-api-version': 'compute 2.60',
            'x-openstack-nova-api-version': '2.60',
          });
        },
      },
      {
        says: 'the services are listed with state, status and a naive time; a binary and a host select',
        async holds() {
          const all = listAt((await place.ask('compute', 'GET', '/os-services')).body, 'services');
          const binaries = new Set(all.map((each) => each.binary));
          for (const binary of ['nova-compute', 'nova-conductor', 'nova-scheduler'])
            like(binaries.has(binary), true, binary);
          like(await serviceOf(place, host), {
            id: UUID,
            binary: 'nova-compute',
            host,
            zone: 'nova',
            status: 'enabled',
            state: 'up',
            forced_down: false,
            disabled_reason: null,
            updated_at: NAIVE,
          });
          const nobody = await place.ask('compute', 'GET', '/os-services?binary=nova-nothing');
          like(nobody, { status: 200, body: { services: [] } });
        },
      },
      {
        says: 'below 2.53 a service has a number, below 2.11 no forced_down',
        async holds() {
          const isNumber = (id: unknown): boolean => typeof id === 'number';
          like(await serviceOf(place, host, '2.52'), { id: isNumber, forced_down: false });
          const old = await serviceOf(place, host, '2.10');
          like('forced_down' in old, false, 'forced_down in it');
        },
      },
      {
        says: 'a service that is not there is 404, an id that is none is 400',
        async holds() {
          const unknown = '00000000-0000-4000-8000-000000000000';
          like(
            await place.ask('compute', 'PUT', `/os-services/${unknown}`, { body: { status: 'enabled' } }),
            {
              status: 404,
              body: { itemNotFound: { code: 404, message: `Service ${unknown} could not be found.` } },
            },
          );
          like(await place.ask('compute', 'PUT', '/os-services/17', { body: { status: 'enabled' } }), {
            status: 400,
            body: { badRequest: { code: 400, message: 'Invalid uuid 17' } },
          });
        },
      },
      {
        says: 'a change that says nothing, or that Nova does not know, is 400',
        async holds() {
          const { id } = await serviceOf(place, host);
          const put = (body: unknown) => place.ask('compute', 'PUT', `/os-services/${id}`, { body });
          like(await put({}), {
            status: 400,
            body: { badRequest: { message: /^No updates were requested\./ } },
          });
          like(await put({ status: 'sleepy' }), {
            status: 400,
            body: { badRequest: { message: /^Invalid input for field\/attribute status\. Value: sleepy\./ } },
          });
          like(await put({ nothing: 1 }), {
            status: 400,
            body: {
              badRequest: { message: /^Additional properties are not allowed \('nothing' was unexpected\)$/ },
            },
          });
          like(await put({ disabled_reason: 'why' }), {
            status: 400,
            body: {
              badRequest: {
                message: /^No updates were requested\./,
              },
            },
          });
        },
      },
      {
        says: 'disabled with a reason it stays up, and Placement keeps the scheduler away until it is enabled',
        async holds() {
          const disabled = { status: 'disabled', disabled_reason: 'the contract' };
          like(await changeService(place, host, disabled), {
            status: 200,
            body: { service: { ...disabled, host, state: 'up' } },
          });
          like(await serviceOf(place, host), { ...disabled, state: 'up' });
          like((await traitsOf(place, host)).includes(TRAIT), true, TRAIT);
          const enabled = { status: 'enabled', disabled_reason: null };
          like(await changeService(place, host, { status: 'enabled' }), {
            status: 200,
            body: { service: enabled },
          });
          like((await traitsOf(place, host)).includes(TRAIT), false, TRAIT);
        },
      },
      {
        says: 'forced down it is down at once, a second time as well, and up again after the next report',
        async holds() {
          for (let time = 0; time < 2; time++)
            like(await changeService(place, host, { forced_down: true }), {
              status: 200,
              body: { service: { host, forced_down: true, state: 'down', status: 'enabled' } },
            });
          like(await serviceOf(place, host), { forced_down: true, state: 'down' });
          like(await changeService(place, host, { forced_down: false }), {
            status: 200,
            body: { service: { forced_down: false } },
          });
          await eventually(() => serviceOf(place, host), { state: 'up' }, SEEN_LIMIT_MS);
        },
      },
    ];
  },
};
