import * as v from 'valibot';
import { configError } from './errors.ts';
import { has, type Microversions } from './microversion.ts';
import type { NovaChannel } from './nova-channel.ts';
import { type ComputeService, ServiceEnvelopeSchema, ServiceListSchema, toService } from './nova-schemas.ts';
import { failure, type Result, success } from './result.ts';
import type { ServiceRequest } from './session.ts';

export interface ServiceList {
  readonly services: readonly ComputeService[];
  /** The server's clock when it answered, epoch ms. */
  readonly date: number | null;
}

export interface ServiceChange {
  readonly status?: 'enabled' | 'disabled';
  /** 1 to 255 characters, only together with `status: 'disabled'`. */
  readonly disabledReason?: string;
  /** Left out below 2.11, where there is no such thing. */
  readonly forcedDown?: boolean;
}

/** See {@link Nova} for what each promises. */
export interface NovaServices {
  listServices(binary?: string): Promise<Result<ServiceList>>;
  updateService(id: string, change: ServiceChange): Promise<Result<ComputeService>>;
}

/**
 * Over a channel, without a state of its own. A service that was not in a listing of the same microversion can't be named: below 2.53
 * such an id is an error of the caller's configuration.
 */
export function createNovaServices(channel: NovaChannel): NovaServices {
  async function listServices(binary?: string, host?: string): Promise<Result<ServiceList>> {
    const request: ServiceRequest = { method: 'GET', path: '/os-services', query: { binary, host } };
    const answer = await channel.ask(request, ServiceListSchema);
    if (!answer.ok) return answer;
    return success({ services: answer.value.body.services.map(toService), date: answer.value.date });
  }

  async function updateByUuid(id: string, change: ServiceChange): Promise<Result<ComputeService>> {
    const body = {
      ...(change.status === undefined ? {} : { status: change.status }),
      ...(change.disabledReason === undefined ? {} : { disabled_reason: change.disabledReason }),
      ...(change.forcedDown === undefined ? {} : { forced_down: change.forcedDown }),
    };
    const path = `/os-services/${encodeURIComponent(id)}`;
    const answer = await channel.ask({ method: 'PUT', path, body }, ServiceEnvelopeSchema);
    return answer.ok ? success(toService(answer.value.body.service)) : answer;
  }

  /**
   * Below 2.53 every change is an action of its own, whose answer shows no more than what was asked for; so the
   * service is read afterwards. Forced down comes before disabled: Nova calls a compute that it thinks is up.
   */
  async function updateByName(
    id: string,
    change: ServiceChange,
    versions: Microversions,
  ): Promise<Result<ComputeService>> {
    const name = v.safeParse(ServiceNameSchema, id);
    if (!name.success) return failure(configError(`${id} is no service of Nova at ${versions.used}`));
    const { binary, host } = name.output;
    for (const [action, more] of actionsFor(change, versions)) {
      const body = { host, binary, ...more };
      const answer = await channel.send({ method: 'PUT', path: `/os-services/${action}`, body });
      if (!answer.ok) return answer;
    }
    const request: ServiceRequest = { method: 'GET', path: '/os-services' };
    const listed = await listServices(binary, host);
    if (!listed.ok) return listed;
    const service = listed.value.services.find((each) => each.id === id);
    return service === undefined
      ? channel.bad(request, `${binary} on ${host} was changed, and is not listed`)
      : success(service);
  }

  return {
    listServices: (binary) => listServices(binary),
    async updateService(id, change) {
      const versions = await channel.microversions();
      if (!versions.ok) return versions;
      return has(versions.value, 'serviceUuid')
        ? updateByUuid(id, change)
        : updateByName(id, change, versions.value);
    },
  };
}

/** `BINARY@HOST`, as {@link toService} writes it. */
const ServiceNameSchema = v.pipe(
  v.string(),
  v.regex(/^[^@]+@.+$/),
  v.transform((id) => ({ binary: id.slice(0, id.indexOf('@')), host: id.slice(id.indexOf('@') + 1) })),
);

/** The PUTs of a change (nova/api/openstack/compute/services.py `update`, microversions 2.1 to 2.52), in order. */
function actionsFor(change: ServiceChange, versions: Microversions): readonly [string, object][] {
  const actions: [string, object][] = [];
  if (change.forcedDown !== undefined && has(versions, 'forcedDown'))
    actions.push(['force-down', { forced_down: change.forcedDown }]);
  if (change.status === 'enabled') actions.push(['enable', {}]);
  if (change.status === 'disabled') {
    actions.push(
      change.disabledReason === undefined
        ? ['disable', {}]
        : ['disable-log-reason', { disabled_reason: change.disabledReason }],
    );
  }
  return actions;
}
