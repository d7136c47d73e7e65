import { like, listAt } from '../like.ts';
import type { Chapter } from '../statement.ts';

const UNKNOWN = '00000000-0000-4000-8000-00000000dead';

export const otherServices: Chapter = {
  title: 'Placement, Glance and Neutron',
  tell: (place) => [
    {
      says: 'a provider is found by its name, a name that is none finds nothing',
      async holds() {
        const [host] = place.computes;
        const isNumber = (generation: unknown): boolean => typeof generation === 'number';
        const found = await place.ask('placement', 'GET', `/resource_providers?name=${host}`);
        like(found, {
          status: 200,
          body: { resource_providers: [{ uuid: /^[0-9a-f-]{36}$/, name: host, generation: isNumber }] },
        });
        const uuid = listAt(found.body, 'resource_providers')[0]?.uuid;
        like(await place.ask('placement', 'GET', `/resource_providers/${uuid}`), {
          status: 200,
          body: { uuid: String(uuid), name: host },
        });
        const none = await place.ask('placement', 'GET', '/resource_providers?name=nobody');
        like(none, { status: 200, body: { resource_providers: [] } });
      },
    },
    {
      says: "it has the name of a hypervisor, which Nova's list has with the host of its nova-compute",
      async holds() {
        for (const microversion of ['2.10', '2.87']) {
          const path = '/os-hypervisors/detail';
          const answer = await place.ask('compute', 'GET', path, { microversion });
          like(answer.status, 200, 'status');
          const all = listAt(answer.body, 'hypervisors');
          const own = all.find((each) => (each.service as { host: unknown }).host === place.computes[0]);
          const query = `name=${own?.hypervisor_hostname}`;
          like(await place.ask('placement', 'GET', `/resource_providers?${query}`), {
            status: 200,
            body: { resource_providers: [{ name: String(own?.hypervisor_hostname) }] },
          });
        }
      },
    },
    {
      says: 'what it has, and what it gives to a server, by resource class',
      async holds() {
        const [host] = place.computes;
        const [id = ''] = await place.makeServers([{ host }]);
        const found = await place.ask('placement', 'GET', `/resource_providers?name=${host}`);
        const uuid = String(listAt(found.body, 'resource_providers')[0]?.uuid);
        const isNumber = (value: unknown): boolean => typeof value === 'number';
        const inventory = { total: isNumber, reserved: isNumber, allocation_ratio: isNumber };
        like(await place.ask('placement', 'GET', `/resource_providers/${uuid}/inventories`), {
          status: 200,
          body: { inventories: { VCPU: inventory, MEMORY_MB: inventory, DISK_GB: inventory } },
        });
        const given = { resources: { VCPU: 1, MEMORY_MB: isNumber } };
        like(await place.ask('placement', 'GET', `/resource_providers/${uuid}/allocations`), {
          status: 200,
          body: { allocations: { [id]: given } },
        });
        like(await place.ask('placement', 'GET', `/allocations/${id}`), {
          status: 200,
          body: { allocations: { [uuid]: given } },
        });
        await place.deleteServer(id);
        like((await place.ask('placement', 'GET', `/allocations/${id}`)).body, {
          allocations: (left: unknown) => Object.keys(left as object).length === 0,
        });
      },
    },
    {
      says: 'a provider that is not there is 404, with its errors in a list',
      async holds() {
        for (const path of [`/resource_providers/${UNKNOWN}`, `/resource_providers/${UNKNOWN}/traits`])
          like(await place.ask('placement', 'GET', path), {
            status: 404,
            body: { errors: [{ status: 404, title: 'Not Found', detail: /No resource provider with uuid/ }] },
          });
      },
    },
    {
      says: 'Glance lists images in pages, and hidden ones only when asked for',
      async holds() {
        const list = (query: string) => place.ask('image', 'GET', `/v2/images?${query}`);
        const all = await list('visibility=all&limit=1000');
        like(all.status, 200, 'status');
        const [image] = listAt(all.body, 'images');
        like(image, { id: /^[0-9a-f-]{36}$/, name: /./, status: 'active', tags: [], visibility: /./ });
        like((await list(`limit=1`)).body, { images: [{}], next: /marker=/ });
        like((await list(`limit=1&marker=${image?.id}`)).body, {
          images: [],
          next: (next: unknown) => next === undefined,
        });
        like((await list('os_hidden=true&visibility=all')).body, { images: [] });
        like((await list('visibility=nonsense')).status, 400, 'status of a visibility that is none');
      },
    },
    {
      says: 'Neutron gives the ports of the servers asked for, and none for one that is not there',
      async holds() {
        const [, host] = place.computes;
        const [a = '', b = ''] = await place.makeServers([{ host }, { host }]);
        const ask = async (...of: string[]) =>
          listAt(
            (await place.ask('network', 'GET', `/v2.0/ports?${of.map((id) => `device_id=${id}`).join('&')}`))
              .body,
            'ports',
          );
        const ports = await ask(a, b);
        like(ports.map((port) => port.device_id).sort(), [a, b].sort());
        for (const port of ports)
          like(port, {
            'binding:host_id': host,
            status: /^(ACTIVE|DOWN)$/,
            fixed_ips: [{ subnet_id: /./, ip_address: /./ }],
          });
        like(await ask(UNKNOWN), []);
        await place.deleteServer(a);
        await place.deleteServer(b);
        like(await ask(a), []);
      },
    },
  ],
};
