import { instanceOf } from './database.ts';
import { answer, type HttpAnswer, type HttpRequest } from './http.ts';
import type { World } from './model.ts';
import { addressOf } from './nova-api.ts';

/** `GET /v2.0/ports?device_id=...`: one port a server, bound where Nova has it. */
export function neutronApi(world: World, request: HttpRequest): HttpAnswer {
  if (request.path !== '/network/v2.0/ports') return answer(404, { NeutronError: { message: 'not found' } });
  const wanted = request.pairs.filter(([name]) => name === 'device_id').map(([, value]) => value);
  const ports = wanted.flatMap((id) => {
    const instance = instanceOf(world, id);
    if (instance === null) return [];
    return [
      {
        id: id.replace(/^.{8}/, '90000000'),
        device_id: id,
        status: instance.vmState === 'active' ? 'ACTIVE' : 'DOWN',
        'binding:host_id': instance.host ?? '',
        fixed_ips: [{ subnet_id: 's1', ip_address: addressOf(id) }],
      },
    ];
  });
  return answer(200, { ports });
}
