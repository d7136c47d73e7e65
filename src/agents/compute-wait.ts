import { explain } from '../pacemaker/errors.ts';
import { OCF, type OcfAgent, type OcfContext, type OcfResult } from '../pacemaker/ocf-agent.ts';
import {
  bootToken,
  CALL_LIMIT_MS,
  HOLD_PARAMETERS,
  type HoldPorts,
  holdOf,
  holdUntilReleased,
  NO_BOOT_TOKEN,
  systemCode,
  type WaitFiles,
  warnUnused,
  withdrawQuestion,
} from './hold.ts';
import { VERSION } from './version.ts';

/**
 * What the stock agent leaves for systemd until the next boot (its `build_unfence_overlay`): nova-compute would
 * call fence_compute after its start, with credentials, on a compute, where cibadmin must not be called.
 */
export const STOCK_OVERLAYS = ['openstack-nova-compute', 'nova-compute'].map(
  (unit) => `/run/systemd/system/${unit}.service.d/unfence-20.conf`,
);

export interface WaitPorts extends HoldPorts {
  readonly files: WaitFiles;
}

/**
 * ocf:openstack:nova-compute-wait: stands before nova-compute on a compute node and lets it start when the
 * evacuator says that this boot may. It runs on a remote node, where only attrd_updater may be called: after
 * crm_attribute or cibadmin there, the death of that node hangs a controller of Pacemaker 2.1.5.
 */
export function computeWaitAgent(ports: WaitPorts): OcfAgent {
  return {
    name: 'nova-compute-wait',
    version: VERSION,
    shortdesc: 'Holds nova-compute until the evacuation of its host is complete',
    longdesc:
      'Starts when nova-evacuate says that this boot of the compute node may start nova-compute, and fails with the ' +
      'reason when that takes longer than evacuation_delay; Pacemaker then tries again. It never lets go by itself: ' +
      'a nova-compute that starts too early destroys guests whose evacuation is still going on.',
    parameters: HOLD_PARAMETERS,
    actions: {
      start: { timeout: 300, run: (context) => start(context, ports) },
      stop: { timeout: 20, run: (context) => stop(context, ports) },
      monitor: { timeout: 20, interval: 10, depth: 0, run: (context) => monitor(context, ports) },
      'validate-all': { timeout: 20, run: (context) => validate(context, ports) },
    },
  };
}

async function start(context: OcfContext, ports: WaitPorts): Promise<OcfResult> {
  warnUnused(context);
  const token = bootToken(ports.files);
  if (token === null) return NO_BOOT_TOKEN;
  if (isReleased(context, ports, token)) return { code: OCF.SUCCESS };
  await removeStockOverlays(ports, context.log);
  return (await holdUntilReleased(holdOf(context), ports, token)) ?? release(context, ports, token);
}

/** Takes away what the stock agent has left for systemd. Best effort: it is gone after the next boot anyway. */
export async function removeStockOverlays(
  ports: Pick<WaitPorts, 'run' | 'files'>,
  log: (line: string) => void,
): Promise<void> {
  try {
    const left = STOCK_OVERLAYS.filter((path) => ports.files.read(path) !== null);
    if (left.length === 0) return;
    for (const path of left) ports.files.remove(path);
    log(`removed ${left.join(', ')}, which the stock agent had made: it calls fence_compute on a compute`);
    await ports.run('systemctl', ['daemon-reload'], { timeoutMs: CALL_LIMIT_MS });
  } catch (cause) {
    log(`what the stock agent left for systemd cannot be removed (${systemCode(cause)})`);
  }
}

function release(context: OcfContext, ports: WaitPorts, token: string): OcfResult {
  const path = statePath(context);
  try {
    ports.files.write(path, `${token}\n`);
    return { code: OCF.SUCCESS };
  } catch (cause) {
    return {
      code: OCF.ERR_GENERIC,
      reason: `released, but ${path} cannot be written (${systemCode(cause)})`,
    };
  }
}

function monitor(context: OcfContext, ports: WaitPorts): OcfResult {
  const token = bootToken(ports.files);
  return { code: token !== null && isReleased(context, ports, token) ? OCF.SUCCESS : OCF.NOT_RUNNING };
}

async function stop(context: OcfContext, ports: WaitPorts): Promise<OcfResult> {
  const path = statePath(context);
  try {
    ports.files.remove(path);
  } catch (cause) {
    return { code: OCF.ERR_GENERIC, reason: `${path} cannot be removed (${systemCode(cause)})` };
  }
  await withdrawQuestion(context, ports.run);
  return { code: OCF.SUCCESS };
}

async function validate(context: OcfContext, ports: WaitPorts): Promise<OcfResult> {
  warnUnused(context);
  const version = await ports.run('attrd_updater', ['--version'], { timeoutMs: CALL_LIMIT_MS });
  if (version.ok) return { code: OCF.SUCCESS };
  const code = version.error.code === 'tool-missing' ? OCF.ERR_INSTALLED : OCF.ERR_GENERIC;
  return { code, reason: explain(version.error) };
}

function isReleased(context: OcfContext, ports: WaitPorts, token: string): boolean {
  try {
    return ports.files.read(statePath(context))?.trim() === token;
  } catch {
    return false;
  }
}

function statePath(context: OcfContext): string {
  const name = context.instance.replaceAll(/[^A-Za-z0-9_.:-]/g, '_');
  return `${context.stateDirectory}/nova-compute-wait-${name}.state`;
}
