import { request } from 'node:http';
import { json, text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * The lab's fence_redfish: a laptop has no fence-agents. Parameters on standard input, exit codes and the way to the power
 * are those of the real one (fence-agents agents/redfish/fence_redfish.py, lib/fencing.py.py fence_action): off and on end
 * when the BMC says so.
 */

/** fencing.py.py: `power_timeout` and `stonith_status_sleep`, ms. */
const POWER_LIMIT_MS = 20_000;
const LOOK_PAUSE_MS = 200;
/** `login_timeout`. */
const REQUEST_LIMIT_MS = 5_000;
/** lib/fencing.py.py fence_action: of `status`. */
const EXIT_OFF = 2;

type Parameters = ReadonlyMap<string, string>;

async function main(): Promise<number> {
  const parameters: Parameters = new Map(
    (await text(process.stdin)).split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at < 1 ? [] : [[line.slice(0, at).trim(), line.slice(at + 1).trim()] as const];
    }),
  );
  const action = parameters.get('action') ?? 'reboot';
  switch (action) {
    case 'off':
      return (await bring(parameters, 'Off')) ? 0 : fail('Failed: Timed out waiting to power OFF');
    case 'on':
      return (await bring(parameters, 'On')) ? 0 : fail('Failed: Timed out waiting to power ON');
    case 'reboot':
      if (!(await bring(parameters, 'Off'))) return fail('Failed: Timed out waiting to power OFF');
      // One that does not come up is fenced all the same.
      await bring(parameters, 'On').catch(() => false);
      return 0;
    case 'status':
      return (await look(parameters)).PowerState === 'Off' ? EXIT_OFF : 0;
    case 'monitor':
      await look(parameters);
      return 0;
    default:
      return fail(`Unrecognised action '${action}'`);
  }
}

function fail(why: string): number {
  process.stderr.write(`${why}\n\nPlease use '-h' for usage\n`);
  return 1;
}

/** Asks for a power state where the system has another one, and waits until it has. */
async function bring(parameters: Parameters, wanted: 'On' | 'Off'): Promise<boolean> {
  const limit = performance.now() + POWER_LIMIT_MS;
  let system = await look(parameters);
  if (system.PowerState !== wanted)
    await ask(parameters, 'POST', system.Actions['#ComputerSystem.Reset'].target, {
      ResetType: wanted === 'On' ? 'On' : 'ForceOff',
    });
  while (system.PowerState !== wanted) {
    if (performance.now() > limit) return false;
    await pause(LOOK_PAUSE_MS);
    system = await look(parameters);
  }
  return true;
}

interface System {
  readonly PowerState: string;
  readonly Actions: { readonly '#ComputerSystem.Reset': { readonly target: string } };
}

async function look(parameters: Parameters): Promise<System> {
  const system = (await ask(parameters, 'GET', parameters.get('systems_uri') ?? '')) as System | null;
  if (typeof system?.PowerState !== 'string') throw new Error('the BMC names no PowerState');
  return system;
}

/** What a BMC answers; rejects when it does not, or refuses. */
function ask(parameters: Parameters, method: string, path: string, body?: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: parameters.get('ip'),
        port: parameters.get('ipport'),
        auth: `${parameters.get('username') ?? ''}:${parameters.get('password') ?? ''}`,
        ...{ method, path, timeout: REQUEST_LIMIT_MS },
        headers: { accept: 'application/json', 'content-type': 'application/json' },
      },
      (given) => {
        const status = given.statusCode ?? 0;
        if (status >= 400) {
          given.resume();
          reject(new Error(`the BMC answers ${status}`));
        } else if (status === 204) {
          given.resume();
          resolve(null);
        } else json(given).then(resolve, reject);
      },
    );
    asked.on('error', reject);
    asked.on('timeout', () => asked.destroy(new Error('the BMC does not answer')));
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => process.exit(fail(`Failed: ${error instanceof Error ? error.message : String(error)}`)),
);
