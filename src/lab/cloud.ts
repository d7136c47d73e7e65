import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after } from '../world/agenda.ts';
import { healthOf, serve } from '../world/http.ts';
import { BASE_URL } from '../world/keystone-api.ts';
import type { World } from '../world/model.ts';

/** How long a request takes, ms. */
const MIN_MS = 20;
const SPREAD_MS = 80;

export interface Cloud {
  /** Where a controller reaches the APIs: the path tells the world who asks. */
  readonly urlFor: (controller: string) => string;
  readonly close: () => void;
}

/** The world's Keystone, Nova, Placement, Glance and Neutron behind one real socket on loopback. */
export async function openCloud(world: World): Promise<Cloud> {
  let base = '';
  const urlFor = (controller: string): string => `${base}/from/${controller}`;
  const server = createServer((incoming, response) => {
    void answer(world, incoming, response, urlFor);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    urlFor,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  world: World,
  incoming: IncomingMessage,
  response: ServerResponse,
  urlFor: (controller: string) => string,
): Promise<void> {
  const url = new URL(incoming.url ?? '/', BASE_URL);
  const [, controller = '', path = ''] = /^\/from\/([^/]+)(\/.*)$/.exec(url.pathname) ?? [];
  const machine = world.machines.get(controller);
  const health = healthOf(world, path);
  if (machine === undefined || machine.isolated || !health.up) {
    // Nobody listens there: the connection ends without an answer.
    incoming.socket.destroy();
    return;
  }
  const sent = await text(incoming).catch(() => '');
  const pairs = [...url.searchParams];
  const takesMs = MIN_MS + Math.round(SPREAD_MS * world.dice('latency', world.counter++)) + health.slowMs;
  after(world.agenda, takesMs, () => {
    const given = serve(world, {
      method: incoming.method ?? 'GET',
      path,
      query: new Map(pairs),
      pairs,
      headers: Object.fromEntries(
        Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
      ),
      body: sent === '' ? null : JSON.parse(sent),
      by: `evacuator of ${controller}`,
    });
    const body =
      typeof given.body === 'string' ? given.body : given.body === null ? '' : JSON.stringify(given.body);
    after(world.agenda, given.extraMs, () => {
      response.writeHead(given.status, { ...given.headers });
      response.end(body.replaceAll(BASE_URL, urlFor(controller)));
    });
  });
}
