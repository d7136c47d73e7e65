import { readFileSync } from 'node:fs';
import type { AlertTarget } from '../pacemaker/alerts.ts';
import { explain, type Result } from '../pacemaker/errors.ts';
import { type RunOptions, runProgram } from './command.ts';
import type { Message } from './message.ts';
import type { Delivery, Target } from './outbox.ts';

/** What attribute Pacemaker's alert agents are told of. */
export const ALERT_ATTRIBUTE = 'instance-ha';
/** The version of the interface that is spoken: what agents look at to see that a cluster calls them. */
const ALERT_VERSION = '2.1.5';

/** The user that Pacemaker runs alert agents as (daemons/controld/controld_alerts.c). */
const ALERT_USER = 'hacluster';

/**
 * Calls the alert agents that the cluster has (`pcs alert`), as Pacemaker does for the change of an
 * attribute, a kind that every one of them knows: an agent that sends mail or traps for Pacemaker does so
 * for incidents too. A real public attribute would do the same, but each of its changes makes the cluster
 * work out its transition anew, in the middle of a recovery.
 */
export function createAlerts(options: {
  readonly read: () => Promise<Result<readonly AlertTarget[]>>;
  readonly run?: (path: string, options: RunOptions) => Promise<Delivery>;
  readonly user: RunOptions['user'] | null;
}): Target {
  const run = options.run ?? runProgram;
  let sequence = 0;
  return {
    name: "Pacemaker's alert agents",
    async deliver(message) {
      if (options.user === null) return { state: 'refused', reason: `there is no user ${ALERT_USER} here` };
      const targets = await options.read();
      if (!targets.ok) return { state: 'failed', reason: explain(targets.error) };
      sequence++;
      const user = options.user === undefined ? {} : { user: options.user };
      const ended = await Promise.all(
        targets.value.map(async (target) => {
          const environment = alertEnvironment(target, message, sequence);
          const delivery = await run(target.path, {
            environment,
            input: '',
            timeoutMs: target.timeoutMs,
            ...user,
          });
          return { target, delivery };
        }),
      );
      const failed = ended
        .filter(({ delivery }) => delivery.state !== 'delivered')
        .map(({ target }) => target.id);
      // As with Pacemaker an alert is tried once; those that had it are not to get it again.
      return failed.length === 0
        ? { state: 'delivered' }
        : { state: 'refused', reason: `${failed.join(', ')} failed` };
    },
  };
}

/** The environment of an alert agent (Pacemaker Administration, "Alert Agents"). */
export function alertEnvironment(
  target: AlertTarget,
  message: Message,
  sequence: number,
): Record<string, string> {
  const seconds = Math.floor(Date.parse(message.at) / 1000);
  return {
    ...target.environment,
    CRM_alert_version: ALERT_VERSION,
    CRM_alert_recipient: target.recipient,
    CRM_alert_kind: 'attribute',
    CRM_alert_node: message.node,
    CRM_alert_node_sequence: String(sequence),
    CRM_alert_timestamp: message.at,
    CRM_alert_timestamp_epoch: String(seconds),
    CRM_alert_timestamp_usec: '0',
    CRM_alert_desc: message.text,
    CRM_alert_attribute_name: ALERT_ATTRIBUTE,
    CRM_alert_attribute_value: `${message.kind} ${message.incident}: ${message.text}`,
  };
}

/** The ids of the user of alert agents, null when there is none. */
export function alertUser(passwd: string = readQuietly('/etc/passwd')): { uid: number; gid: number } | null {
  const line = passwd.split('\n').find((each) => each.startsWith(`${ALERT_USER}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return null;
  return { uid: Number(uid), gid: Number(gid) };
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
