import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { after } from '../world/agenda.ts';
import { powerOff, powerOn } from '../world/machines.ts';
import { between, type Machine, type World } from '../world/model.ts';

/** The account of every BMC. */
const USERNAME = 'admin';
const PASSWORD = 'pa55-of-the-bmcs';
const SYSTEMS = '/redfish/v1/Systems';
const RESET = 'Actions/ComputerSystem.Reset';
/** A request is a few words. */
const MAX_BODY_CHARS = 4_096;
/** What a reset may ask for, and the power that it leaves. */
const RESETS = { On: true, ForceOn: true, ForceOff: false } as const;

export interface Bmcs {
  readonly port: number;
  /** What the power device of a machine is told about it, as `fence_redfish` has it. */
  readonly parametersOf: (machine: string) => Readonly<Record<string, string>>;
  readonly close: () => void;
}

/**
 * The BMCs of all machines, as a chassis has them behind one address: Redfish (DSP0266), a system each. They have their
 * own power: a machine that is dead or cut off answers here all the same.
 */
export async function openBmcs(world: World): Promise<Bmcs> {
  const server = createServer((incoming, response) => {
    answer(world, incoming, response).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    parametersOf: (machine) => ({
      ip: '127.0.0.1',
      ipport: String(port),
      ssl: '0',
      username: USERNAME,
      password: PASSWORD,
      systems_uri: `${SYSTEMS}/${machine}`,
    }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(world: World, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (incoming.url ?? '').split('?')[0]?.replace(/\/$/, '') ?? '';
  const body = await text(incoming);
  const say = (status: number, value?: unknown): void => {
    response.writeHead(status, value === undefined ? {} : { 'content-type': 'application/json' });
    response.end(value === undefined ? '' : JSON.stringify(value));
  };
  // The root of the service is for everyone.
  if (path === '/redfish/v1') return say(200, { '@odata.id': '/redfish/v1', Systems: link(SYSTEMS) });
  const [, name = '', action] = new RegExp(`^${SYSTEMS}/([^/]+)(?:/(${RESET}))?$`).exec(path) ?? [];
  const machine = world.machines.get(name);
  if (machine?.bmc === 'unreachable') return;
  if (!isAdmin(incoming.headers.authorization) || machine?.bmc === 'refuses')
    return say(401, failure('NoValidSession', 'The login was refused.'));
  if (path === SYSTEMS)
    return say(200, { Members: [...world.machines.keys()].map((each) => link(`${SYSTEMS}/${each}`)) });
  if (machine === undefined) return say(404, failure('ResourceMissingAtURI', `There is no ${path}.`));
  if (action === undefined) return say(200, systemOf(machine));
  if (incoming.method !== 'POST') return say(405, failure('OperationNotAllowed', 'A reset is a POST.'));
  const asked = resetIn(body);
  if (asked === null)
    return say(
      400,
      failure('ActionParameterNotSupported', `ResetType is one of ${Object.keys(RESETS).join(', ')}.`),
    );
  const takesMs = between(world, world.spec.cluster.bmcMs, 'bmc', name, world.counter++);
  after(world.agenda, takesMs, () => {
    if (RESETS[asked]) powerOn(world, name, 'its BMC');
    else powerOff(world, name, 'its BMC');
  });
  say(204);
}

const link = (path: string): { readonly '@odata.id': string } => ({ '@odata.id': path });

const failure = (id: string, message: string): unknown => ({ error: { code: `Base.1.8.${id}`, message } });

const isAdmin = (header: string | undefined): boolean =>
  header === `Basic ${Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64')}`;

/** ComputerSystem.v1_13_0, as far as a fence agent reads it. */
function systemOf({ name, power }: Machine): unknown {
  const uri = `${SYSTEMS}/${name}`;
  return {
    '@odata.id': uri,
    '@odata.type': '#ComputerSystem.v1_13_0.ComputerSystem',
    Id: name,
    Name: name,
    PowerState: power ? 'On' : 'Off',
    Actions: {
      '#ComputerSystem.Reset': {
        target: `${uri}/${RESET}`,
        'ResetType@Redfish.AllowableValues': Object.keys(RESETS),
      },
    },
  };
}

function resetIn(body: string): keyof typeof RESETS | null {
  if (body.length > MAX_BODY_CHARS) return null;
  try {
    const type: unknown = (JSON.parse(body) as { readonly ResetType?: unknown }).ResetType;
    return typeof type === 'string' && Object.hasOwn(RESETS, type) ? (type as keyof typeof RESETS) : null;
  } catch {
    return null;
  }
}
