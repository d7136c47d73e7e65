import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { statusPath } from '../agents/evacuator/life.ts';
import { hostName, hostOfNode, nodeName } from '../core/names.ts';
import { known, type Maybe, unknown } from '../core/observation.ts';
import { EVACUATE_ATTRIBUTE } from '../core/records.ts';
import { type StoredOfNode, storedOf } from '../core/stored.ts';
import { type ConfigurationFacts, computesOf, evacuatorOf, isTakenOut } from '../doctor/facts.ts';
import { evacuatorCredentials, readConfiguration } from '../doctor/gather.ts';
import { onThisMachine } from '../doctor/root.ts';
import { explain as explainCloud } from '../openstack/errors.ts';
import { createSession, type Session } from '../openstack/session.ts';
import { readTransient } from '../pacemaker/attributes.ts';
import { explain } from '../pacemaker/errors.ts';
import { type ClusterStatus, readStatus } from '../pacemaker/status.ts';
import type { Io } from './command.ts';

const STATE_DIRECTORY = '/run/resource-agents';

/** What the evacuator of this controller wrote at its last tick; what it does not know of here is left out. */
const EvacuatorStatusSchema = v.looseObject({
  at: v.string(),
  owner: v.optional(v.string(), ''),
  gates: v.optional(
    v.array(
      v.looseObject({ id: v.string(), text: v.string(), opens: v.string(), node: v.nullable(v.string()) }),
    ),
    [],
  ),
  cloudTrouble: v.optional(v.nullable(v.string()), null),
  logTrouble: v.optional(v.nullable(v.string()), null),
  verdicts: v.optional(
    v.array(
      v.looseObject({
        node: v.string(),
        host: v.nullable(v.string()),
        incident: v.nullable(v.string()),
        phase: v.string(),
        text: v.string(),
        instances: v.array(
          v.looseObject({
            id: v.string(),
            name: v.string(),
            outcome: v.string(),
            to: v.nullable(v.string()),
            attempts: v.number(),
            text: v.string(),
          }),
        ),
      }),
    ),
    [],
  ),
});
export type EvacuatorStatus = v.InferOutput<typeof EvacuatorStatusSchema>;

/** What a record in the cluster holds: read, or there and not readable. */
export interface NodeRecords extends Pick<StoredOfNode, 'incident' | 'evacuation' | 'pause'> {
  readonly node: string;
  readonly online: boolean;
  /** Dead for the cluster, and not fenced yet. */
  readonly isUnclean: boolean;
  readonly isMaintained: boolean;
  /** Its remote resource is told to be stopped: `instance-ha maintenance`, or an operator. */
  readonly isTakenOut: boolean;
  readonly mark: string | null;
}

/** The state of things from any controller. */
export interface Situation {
  readonly configuration: ConfigurationFacts;
  readonly status: ClusterStatus;
  /** Every compute node. */
  readonly nodes: readonly NodeRecords[];
  /** The controller that runs nova-evacuate; null: none does. */
  readonly evacuatorOn: string | null;
  /** Its verdicts, where it runs on this very controller. */
  readonly evacuator: EvacuatorStatus | null;
  /** Why they can't be read, although it runs here; null: nothing is wrong. */
  readonly evacuatorTrouble: string | null;
}

/**
 * The CIB, crm_mon and the marks, read side by side. Unknown, with the reason, when one of them can't be read. A record that can't be
 * parsed is `unreadable` in its node, and what is wrong with the evacuator's status stands in `evacuatorTrouble`: the rest is shown.
 */
export async function readSituation({ run, doing }: Pick<Io, 'run' | 'doing'>): Promise<Maybe<Situation>> {
  doing('reading the cluster');
  const [configuration, status, marks] = await Promise.all([
    readConfiguration(run),
    readStatus({ run }),
    readTransient(EVACUATE_ATTRIBUTE, { run }),
  ]);
  if (!configuration.known) return configuration;
  if (!status.ok) return unknown(explain(status.error));
  if (!marks.ok) return unknown(explain(marks.error));
  const { cluster } = configuration.value;
  const evacuator = evacuatorOf(configuration.value);
  const own = evacuator === null ? known(null) : await readEvacuatorStatus(evacuator.id);
  const nodes = computesOf(configuration.value).map((name): NodeRecords => {
    const node = cluster.nodes.find((each) => each.name === name);
    const seen = status.value.nodes.find((each) => each.name === name);
    const { incident, evacuation, pause } = storedOf(node?.permanent);
    return {
      node: name,
      online: seen?.online ?? false,
      isUnclean: seen?.unclean ?? false,
      isTakenOut: isTakenOut(configuration.value, name),
      isMaintained: (seen?.maintenance ?? false) || (node?.maintenance ?? false),
      ...{ incident, evacuation, pause },
      mark: marks.value.get(nodeName(name)) ?? null,
    };
  });
  return known({
    configuration: configuration.value,
    status: status.value,
    nodes,
    evacuatorOn:
      status.value.resources.find(({ id, role }) => id === evacuator?.id && role === 'Started')?.nodes[0] ??
      null,
    evacuator: own.known ? own.value : null,
    evacuatorTrouble: own.known ? null : own.reason,
  });
}

/** null: the evacuator does not run on this controller. */
async function readEvacuatorStatus(resource: string): Promise<Maybe<EvacuatorStatus | null>> {
  const path = onThisMachine(statusPath(`${STATE_DIRECTORY}/instance-ha-${resource}`));
  try {
    return parseEvacuatorStatus(await readFile(path, 'utf8'), path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    return code === 'ENOENT' ? known(null) : unknown(`${path} can't be read (${code}): be root`);
  }
}

/** The state file as the evacuator writes it (agents/evacuator/journal.ts). */
export function parseEvacuatorStatus(text: string, path: string): Maybe<EvacuatorStatus> {
  try {
    const parsed = v.safeParse(EvacuatorStatusSchema, JSON.parse(text));
    if (parsed.success) return known(parsed.output);
    return unknown(
      `${path} is not as this release writes it: ${v.getDotPath(parsed.issues[0]) ?? 'all of it'}`,
    );
  } catch {
    return unknown(`${path} is no JSON`);
  }
}

/** A session with the credentials of nova-evacuate; the caller closes it. */
export async function openCloud(configuration: ConfigurationFacts): Promise<Maybe<Session>> {
  const credentials = await evacuatorCredentials(configuration);
  if ('state' in credentials) {
    return unknown(
      credentials.state === 'refused'
        ? explainCloud(credentials.error)
        : 'there is no nova-evacuate in the cluster, so no credentials',
    );
  }
  return known(createSession(credentials));
}

/** The node of Nova's host; the host's own name where the cluster has none for it. */
export function nodeOfHost(configuration: ConfigurationFacts, host: string): string {
  return computesOf(configuration).find((node) => novaHostOf(configuration, node, [host]) !== null) ?? host;
}

/** Nova's host of a node, by the same rule as the evacuator's. */
export function novaHostOf(
  configuration: ConfigurationFacts,
  node: string,
  hosts: readonly string[],
): string | null {
  const domain = evacuatorOf(configuration)?.parameters.get('domain') ?? null;
  return hostOfNode(nodeName(node), hosts.map(hostName), domain);
}
