import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../openstack/testing.ts';
import { createWorld, machineOf, type World } from '../world/model.ts';
import { type Bmcs, openBmcs } from './bmc.ts';
import { keepRealTime } from './drive.ts';
import { DEFAULT_LAB, labSpec } from './spec.ts';
import { buildDist } from './testing.ts';

const REAL = '/usr/sbin/fence_redfish';
const LIMIT_MS = 60_000;
const NODE = 'compute-1';

interface Ran {
  readonly code: number | null;
  readonly err: string;
}

let dist: string;
let world: World;
let bmcs: Bmcs;
let stopTime: () => void;

beforeAll(async () => {
  dist = buildDist();
  const nobody = () => {};
  const spec = labSpec({ ...DEFAULT_LAB, hosts: 2 }, Date.now());
  world = createWorld(spec, {
    dice: () => 0.5,
    emit: nobody,
    agents: {
      fence: nobody,
      wait: nobody,
      startEvacuator: nobody,
      stopEvacuator: nobody,
      monitorEvacuator: () => 'healthy',
      killEvacuator: nobody,
    },
  });
  // Without quorum nobody fences what loses its power here.
  world.cluster.agreed = new Set();
  bmcs = await openBmcs(world);
  stopTime = keepRealTime(world.agenda, () => performance.now());
}, LIMIT_MS);
afterAll(() => {
  stopTime?.();
  bmcs?.close();
  rmSync(dist, { recursive: true, force: true });
});

function call(program: readonly string[], parameters: Readonly<Record<string, string>>): Promise<Ran> {
  return new Promise((resolve) => {
    const [file = '', ...args] = program;
    const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    const err = text(child.stderr);
    child.on('close', async (code) => resolve({ code, err: await err }));
    const lines = Object.entries(parameters).map(([name, value]) => `${name}=${value}\n`);
    child.stdin.end(lines.join(''));
  });
}

/** What a power device has to do, whichever program it is. */
function behaves(title: string, ask: (parameters: Readonly<Record<string, string>>) => Promise<Ran>): void {
  describe(title, () => {
    const device = (action: string, more = {}) =>
      ask({ action, plug: NODE, ...bmcs.parametersOf(NODE), ...more });
    const isOn = (): boolean => machineOf(world, NODE).power;

    it(
      'tells the power, cuts it, and gives it back, each when the BMC says so',
      async () => {
        expect(await device('monitor')).toMatchObject({ code: 0 });
        expect(await device('status')).toMatchObject({ code: 0 });
        expect(await device('off')).toMatchObject({ code: 0 });
        expect(isOn()).toBe(false);
        expect(await device('status')).toMatchObject({ code: 2 });
        // What is off already is no failure.
        expect(await device('off')).toMatchObject({ code: 0 });
        expect(await device('on')).toMatchObject({ code: 0 });
        expect(isOn()).toBe(true);
      },
      LIMIT_MS,
    );

    it(
      'fails where the BMC refuses the login, does not know the system, or is not there; nothing is switched',
      async () => {
        const refused = await device('off', { password: 'a-wrong-one' });
        expect(refused.code).toBe(1);
        expect(refused.err).not.toContain('a-wrong-one');
        expect((await device('off', { systems_uri: '/redfish/v1/Systems/nobody' })).code).toBe(1);
        expect((await device('off', { ipport: '1' })).code).toBe(1);
        expect((await device('nothing')).code).toBe(1);
        expect(isOn()).toBe(true);
      },
      LIMIT_MS,
    );
  });
}

behaves("the lab's fence_redfish", (parameters) =>
  call([process.execPath, `${dist}/lab/fence_redfish.cjs`], parameters),
);

// The real one speaks TLS and nothing else: a front with a certificate stands before the BMCs for it.
describe.skipIf(!existsSync(REAL))(`at the same BMCs ${REAL}`, () => {
  let port = 0;
  let close: () => void = () => {};

  beforeAll(async () => {
    const certificate = makeCertificate();
    const server = createServer(certificate, (incoming, response) => {
      const { method, url, headers } = incoming;
      const inner = request({ port: bmcs.port, method, path: url, headers }, (given) => {
        response.writeHead(given.statusCode ?? 502, given.headers);
        given.pipe(response);
      });
      incoming.pipe(inner);
    });
    certificate.remove();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    close = () => server.close();
  });
  afterAll(() => close());

  behaves('does the same', ({ ipport, ssl: _, ...parameters }) =>
    call([REAL], {
      ...parameters,
      ipport: ipport === '1' ? '1' : String(port),
      ssl_insecure: '1',
    }),
  );
});
