import * as v from 'valibot';
import { failure, type Result, success } from './result.ts';
import { openServiceReader, versionedPath } from './service-channel.ts';
import type { Session } from './session.ts';

const NETWORK = 'network';

/**
 * Servers asked for in one request: with 40 UUIDs its line stays below 2.5 kB, and with the token's header below
 * the 4 kB that uwsgi takes unless it is told otherwise (buffer-size).
 */
export const DEVICES_PER_REQUEST = 40;
/** Pages of one request; Neutron has pages only where `pagination_max_limit` is set. */
const MAX_PAGES = 50;

/** binding:host_id is shown to an admin only; '' when the port is bound nowhere. */
const PortSchema = v.object({
  id: v.string(),
  device_id: v.string(),
  status: v.string(),
  'binding:host_id': v.nullish(v.string(), null),
  fixed_ips: v.optional(v.array(v.object({ ip_address: v.string() })), []),
});
const PortPageSchema = v.pipe(
  v.object({
    ports: v.array(PortSchema),
    ports_links: v.optional(v.array(v.object({ rel: v.string(), href: v.string() })), []),
  }),
  v.transform((body) => ({
    ports: body.ports,
    hasNext: body.ports_links.some((link) => link.rel === 'next'),
  })),
);

export interface Port {
  readonly id: string;
  readonly deviceId: string;
  /** ACTIVE, DOWN, BUILD, ERROR. */
  readonly status: string;
  /** The host it is bound on; null when on none, or when the user may not see it. */
  readonly boundHost: string | null;
  readonly fixedIps: readonly string[];
}

export interface Neutron {
  /** The ports of these servers, at most {@link DEVICES_PER_REQUEST} of them. */
  listPorts(deviceIds: readonly string[]): Promise<Result<readonly Port[]>>;
}

/** Makes the Neutron client of a session. */
export function createNeutron(session: Session): Neutron {
  const read = openServiceReader(session, NETWORK);
  return {
    async listPorts(deviceIds) {
      if (deviceIds.length > DEVICES_PER_REQUEST) throw new Error(`too many servers: ${deviceIds.length}`);
      const path = await versionedPath(session, NETWORK, 'v2.0', '/ports');
      if (!path.ok) return path;
      const fields = ['id', 'device_id', 'status', 'binding:host_id', 'fixed_ips'];
      const ports: Port[] = [];
      let marker: string | undefined;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const request = { path: path.value, query: { device_id: deviceIds, fields, marker } };
        const answer = await read(request, PortPageSchema);
        if (!answer.ok) return answer;
        ports.push(...answer.value.ports.map(toPort));
        const last = answer.value.ports.at(-1);
        if (!answer.value.hasNext || last === undefined) return success(ports);
        marker = last.id;
      }
      const where = session.where(NETWORK, { method: 'GET', path: path.value });
      const message = `the listing has more than ${MAX_PAGES} pages`;
      return failure({ code: 'bad-answer', certainty: 'passing', effect: 'none', ...where, message });
    },
  };
}

function toPort(record: v.InferOutput<typeof PortSchema>): Port {
  return {
    id: record.id,
    deviceId: record.device_id,
    status: record.status,
    boundHost: record['binding:host_id'] || null,
    fixedIps: record.fixed_ips.map((each) => each.ip_address),
  };
}
