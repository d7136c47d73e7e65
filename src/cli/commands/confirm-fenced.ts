import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { nodeName } from '../../core/names.ts';
import {
  EVACUATE_ATTRIBUTE,
  formatIncident,
  INCIDENT_ATTRIBUTE,
  type IncidentRecord,
} from '../../core/records.ts';
import { writePermanent, writeTransient } from '../../pacemaker/attributes.ts';
import { explain } from '../../pacemaker/errors.ts';
import { exitError } from '../../pacemaker/tool.ts';
import { notNamed } from '../asking.ts';
import { type Audit, audit } from '../audit.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';
import { readSituation } from '../situation.ts';

/** The fencer waits for nothing here; it spreads the news to the other controllers, ms. */
const CONFIRM_LIMIT_MS = 30_000;

/** The command. `write` takes the audit's line before anything is done: where it throws, nothing is done. */
export function confirmFenced(write: Audit): CommandSpec {
  return {
    path: ['confirm-fenced'],
    summary: 'Say that a compute is off, where fencing can never succeed',
    description: [
      'For the loss of a whole site or of a BMC: the cluster waits for ever for a fencing that can not succeed. Only when YOU have made sure that the machine is off, and will stay off, this takes the place of the power device: it records the incident, as fence_compute would, and confirms the fencing to Pacemaker. The evacuation then begins.',
      'If the machine still runs, its instances will run twice and destroy their disks. The name has to be typed; who did it and why goes to /var/log/instance-ha/audit.log first.',
      'Refused for a compute that is online, and without quorum; both are looked at again when the name has been typed.',
    ],
    arguments: [{ name: 'host', says: 'the compute that is off', offers: 'node' }],
    options: [
      { name: 'reason', value: 'TEXT', says: 'how you made sure; for the audit log', isRequired: true },
      { name: 'name', value: 'NAME', says: "the compute's name once more, instead of typing it when asked" },
    ],
    examples: [
      {
        command:
          "instance-ha confirm-fenced overcloud-compute-1 --reason 'site B is without power, seen on site'",
        says: 'asks for the name',
      },
    ],
    exits: ['failed', 'conflict', 'declined', 'unknown'],
    interrupted:
      'where the name was typed, the incident may stand already (instance-ha status): run it again',
    run: (call) => confirm(call, write),
  };
}

async function confirm(call: Call, write: Audit): Promise<Outcome> {
  const host = call.arguments[0] ?? '';
  const { run, now } = call.io;
  const refused = await refusal(call, host);
  if (refused !== null) return refused;
  const typed =
    call.text('name') ??
    (await call.io.ask(`If ${host} is not off, its instances will run twice. Type its name:`));
  if (typed?.trim() !== host) return outcome('declined', notNamed(typed), { node: host });
  const reason = call.text('reason') ?? '';
  try {
    await write({ command: 'confirm-fenced', node: host, reason }, now());
  } catch {
    return failed(
      'the audit log can not be written, so nothing was done: be root, and see /var/log/instance-ha',
    );
  }
  // Whoever was asked may have taken long to answer, and the host has come back meanwhile.
  const refusedNow = await refusal(call, host);
  if (refusedNow !== null) {
    await noteRefusal(write, host, refusedNow.text, now());
    return refusedNow;
  }
  call.io.doing('recording the incident and telling Pacemaker');
  const at = now();
  const incident: IncidentRecord = {
    id: `${at.toString(36)}${randomBytes(3).toString('hex')}`,
    at,
    by: 'operator',
    on: hostname().replaceAll(/[^A-Za-z0-9_.-]/g, '_'),
  };
  // The incident first: the confirmation is proof only for an incident that stands by then. The fencer enters it into
  // its history as a success that ends at once (daemons/fenced/fenced_remote.c fenced_handle_manual_confirmation).
  const recorded = await writePermanent(nodeName(host), INCIDENT_ATTRIBUTE, formatIncident(incident), {
    run,
  });
  if (!recorded.ok) return failed(explain(recorded.error));
  const marked = await writeTransient(EVACUATE_ATTRIBUTE, nodeName(host), 'yes', { run });
  if (!marked.ok) return failed(explain(marked.error));
  const confirmed = await run('stonith_admin', ['--confirm', host], { timeoutMs: CONFIRM_LIMIT_MS });
  const error = !confirmed.ok
    ? confirmed.error
    : confirmed.value.exitCode === 0
      ? null
      : exitError('stonith_admin', confirmed.value);
  if (error !== null)
    return failed(
      `the incident is recorded, but Pacemaker did not take the confirmation: ${explain(error)}; do it again`,
    );
  return outcome(
    'ok',
    `confirmed: ${host} is off. Incident ${incident.id} is recorded; follow it with instance-ha status --watch`,
    { node: host, incident },
  );
}

/** Why this may not be done as things stand now; null: it may. */
async function refusal(call: Call, host: string): Promise<Outcome | null> {
  const situation = await readSituation(call.io);
  if (!situation.known) return failed(`nothing was done: ${situation.reason}`, 'unknown');
  const { nodes, status } = situation.value;
  const records = nodes.find(({ node }) => node === host);
  if (records === undefined)
    return failed(
      `${host} is no compute node of this cluster: it has ${nodes.map(({ node }) => node).join(', ')}`,
    );
  if (records.online)
    return outcome(
      'conflict',
      `${host} is online: the cluster talks with it, so it is not off, and nothing was done`,
      { node: host },
    );
  if (!status.hasQuorum)
    return outcome(
      'conflict',
      'this partition has no quorum, so nothing was done: a majority of the controllers has to be there first',
      { node: host },
    );
  return null;
}

/** The audit log has that it was to be done; that it was not stands beside it, where that can be written. */
async function noteRefusal(write: Audit, node: string, why: string, at: number): Promise<void> {
  try {
    await write({ command: 'confirm-fenced', node, reason: `not done: ${why}` }, at);
  } catch {
    // The refusal is told to whoever asked, and nothing was done that would have to be in the log.
  }
}

export const confirmFencedCommand: CommandSpec = confirmFenced(audit);
