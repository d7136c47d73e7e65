import type { Maybe } from '../core/observation.ts';
import type { CloudError } from '../openstack/errors.ts';
import type { ComputeService, Evacuation, Server } from '../openstack/nova-schemas.ts';
import type { PreflightReport } from '../openstack/preflight.ts';
import type { HostUsage } from '../openstack/usage.ts';
import type { ClusterView } from '../pacemaker/cib.ts';
import type { ConfiguredResource, RuleLocation } from '../pacemaker/resources.ts';
import type { ClusterStatus } from '../pacemaker/status.ts';

/** What the cluster's configuration says. */
export interface ConfigurationFacts {
  readonly cluster: ClusterView;
  readonly resources: readonly ConfiguredResource[];
  readonly rules: readonly RuleLocation[];
}

/** What trying the credentials came to; never a secret. */
export type CloudLogin =
  | { readonly state: 'not-configured' }
  | { readonly state: 'refused'; readonly error: CloudError }
  | { readonly state: 'works'; readonly report: PreflightReport };

export interface CloudFacts {
  readonly services: readonly ComputeService[];
  readonly servers: readonly Server[];
  readonly evacuations: readonly Evacuation[];
  /** Nova's clock less this machine's, ms; null: Nova sent no time. */
  readonly clockSkewMs: number | null;
}

/** What a power device said when it was asked for the power of a node. */
export interface PowerAnswer {
  readonly device: string;
  readonly agent: string;
  readonly node: string;
  readonly state: 'on' | 'off' | 'failed' | 'not-asked';
  /** Its own words, where it failed; why it was not asked. */
  readonly detail: string;
}

export interface LogTail {
  readonly path: string;
  /** The newest lines. */
  readonly lines: readonly string[];
}

/** What is known of this machine. */
export interface LocalFacts {
  readonly node: string;
  /** The release of instance-ha that runs this. */
  readonly version: string;
  /** Agents and tools that should be on every controller → whether they are there. */
  readonly files: ReadonlyMap<string, boolean>;
  readonly logs: readonly LogTail[];
  /** nova.conf, where there is one here. */
  readonly novaConf: LogTail | null;
  /** Whether the clock is synchronised; null: nobody here knows. */
  readonly clockSynchronised: boolean | null;
}

/** What one node says of itself when it is asked by ssh. */
export interface NodeFacts {
  /** The release of instance-ha on it; null: the command is not there. */
  readonly version: string | null;
  /** Agents that are not there. */
  readonly missing: readonly string[];
  /** The lines of nova.conf that matter, and nothing else of it; null: it has none. */
  readonly novaConf: LogTail | null;
  /** The type of the file system under instances_path; null: there is none. */
  readonly instancesOn: string | null;
}

/** Everything that the checks look at. What could not be read is unknown, and no check takes it for right or wrong. */
export interface Facts {
  readonly now: number;
  readonly configuration: Maybe<ConfigurationFacts>;
  readonly status: Maybe<ClusterStatus>;
  /** node → value of `evacuate`. */
  readonly marks: Maybe<ReadonlyMap<string, string>>;
  readonly login: Maybe<CloudLogin>;
  readonly cloud: Maybe<CloudFacts>;
  readonly usage: Maybe<readonly HostUsage[]>;
  readonly power: readonly PowerAnswer[];
  readonly local: LocalFacts;
  /** Node → what it says of itself; empty where nodes were not asked. */
  readonly nodes: ReadonlyMap<string, Maybe<NodeFacts>>;
}

const RECORDER_AGENT = 'stonith:fence_compute';

/** The compute nodes: what fence_compute is for, and what carries the role. */
export function computesOf({ cluster, resources }: ConfigurationFacts): readonly string[] {
  const byRole = cluster.nodes
    .filter((node) => node.permanent.get('osprole') === 'compute')
    .map(({ name }) => name as string);
  const listed = resources
    .filter(({ agent }) => agent === RECORDER_AGENT)
    .flatMap(({ parameters }) =>
      (parameters.get('pcmk_host_list') ?? '').split(/[\s,;]+/).filter((name) => name !== ''),
    );
  return [...new Set([...byRole, ...listed])].sort();
}

/** A disabled remote resource takes its node out in an orderly way: nothing of it is fenced, so nothing is evacuated. */
export function isTakenOut({ resources }: ConfigurationFacts, node: string): boolean {
  const role = resources.find(({ id }) => id === node)?.meta.get('target-role');
  return role?.toLowerCase() === 'stopped';
}

/** What brings a node back that was taken out. */
export const backCommand = (node: string): string => `instance-ha maintenance ${node} --end`;

/** The resource that runs the evacuator; null: there is none. */
export function evacuatorOf({ resources }: ConfigurationFacts): ConfiguredResource | null {
  return resources.find(({ agent }) => agent === 'ocf:openstack:NovaEvacuate') ?? null;
}

/** The ones that hold a compute back. */
export function waitsOf({ resources }: ConfigurationFacts): readonly ConfiguredResource[] {
  return resources.filter(({ agent }) => agent === 'ocf:openstack:nova-compute-wait');
}

/** The fencing devices that record the incident and turn nothing off. */
export function recordersOf({ resources }: ConfigurationFacts): readonly ConfiguredResource[] {
  return resources.filter(({ agent }) => agent === RECORDER_AGENT);
}
