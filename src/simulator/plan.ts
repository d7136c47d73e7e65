import { DEFAULT_POLICY, type OperatorPolicy, type Policy } from '../core/policy.ts';
import type { LossSide, WorldSpec } from '../world/model.ts';

/** Something that goes wrong, or that somebody does, at a time of the world, ms. */
export type Fault = { readonly at: number } & (
  | { readonly do: 'power-loss'; readonly machine: string }
  /** Its BMC loses its power along with it; `mendedAfterMs`: null where an electrician comes only when its instances are elsewhere. */
  | { readonly do: 'dead-feed'; readonly machine: string; readonly mendedAfterMs: number | null }
  | { readonly do: 'crash'; readonly machine: string; readonly rebootsAfterMs: number | null }
  /** Cut off from everything but the BMC; `keepsApi`: from the cluster only. */
  | { readonly do: 'isolate'; readonly machine: string; readonly forMs: number; readonly keepsApi?: boolean }
  | {
      readonly do: 'bmc';
      readonly machine: string;
      readonly state: 'unreachable' | 'refuses';
      readonly forMs: number;
    }
  /** The controller that runs the evacuator is cut off from the cluster, and still reaches the APIs. */
  | { readonly do: 'cut-evacuator'; readonly forMs: number }
  | { readonly do: 'kill-evacuator' }
  | { readonly do: 'move-evacuator' }
  | { readonly do: 'freeze-evacuator'; readonly forMs: number }
  /** The evacuator's process dies right before, in the middle of, or after the n-th call of a port from then on; in the middle: it has left. */
  | {
      readonly do: 'kill-at-call';
      readonly call: string;
      readonly nth: number;
      readonly side: 'before' | 'during' | 'after';
    }
  | { readonly do: 'tools-hang'; readonly machine: string; readonly forMs: number }
  /** The cluster's commands fail; `effect`: what they were to do is done all the same. */
  | { readonly do: 'cluster-writes-fail'; readonly forMs: number; readonly effect: boolean }
  | {
      readonly do: 'api';
      readonly api: 'nova' | 'keystone' | 'placement';
      readonly state: 'down' | 'failing';
      readonly forMs: number;
    }
  /** A list of what changes seldom that no API gives: the last part of its path. */
  | {
      readonly do: 'list-fails';
      readonly list: 'os-aggregates' | 'os-server-groups' | 'flavors/detail' | 'images';
      readonly forMs: number;
    }
  | { readonly do: 'nova-slow'; readonly ms: number; readonly forMs: number }
  | { readonly do: 'tokens-revoked' }
  | { readonly do: 'password-changed'; readonly forMs: number }
  /** Answers (or the requests themselves) get lost: a share of them, in percent. */
  | {
      readonly do: 'answers-lost';
      readonly what: 'evacuate' | 'change' | 'any';
      readonly side: 'request' | 'answer';
      readonly percent: number;
      readonly forMs: number;
    }
  | { readonly do: 'conductor-down'; readonly forMs: number }
  /** The next requests to evacuate are lost with the nova-conductor that has taken them, or with RabbitMQ. */
  | { readonly do: 'conductor-loses'; readonly times: number; readonly side?: LossSide }
  /** ... or it gives them up with an error that it catches nowhere: of Neutron (`before`), or because the scheduler's answer is late. */
  | { readonly do: 'conductor-gives-up'; readonly times: number; readonly side?: LossSide }
  /** RabbitMQ is started anew, and loses what is in the queues of nova-conductor and of the computes. */
  | { readonly do: 'queues-lost' }
  | { readonly do: 'cell-down'; readonly forMs: number }
  /** nova-api fails at each request to evacuate an instance, as for want of its request spec; `lastsMs`: null for good. */
  | { readonly do: 'evacuate-fails'; readonly server: string; readonly lastsMs: number | null }
  | { readonly do: 'spawn-fails'; readonly what: string; readonly times: number }
  /** nova-conductor, or its database, does not answer a nova-compute that has just spawned a guest. */
  | { readonly do: 'save-fails'; readonly host: string; readonly times: number }
  /** The hypervisor of a host can't stop guests that Nova has started there for instances that were stopped. */
  | { readonly do: 'stop-fails'; readonly host: string; readonly times: number }
  | { readonly do: 'nova-compute-crash'; readonly host: string }
  | { readonly do: 'clock-jump'; readonly machine: string; readonly ms: number }
  /** A live migration that was under way ends on this host though it is dead. */
  | { readonly do: 'late-arrival'; readonly server: string; readonly host: string }
  | { readonly do: 'operator-disables'; readonly host: string }
  | { readonly do: 'operator-enables'; readonly host: string }
  | { readonly do: 'operator-forces-down'; readonly host: string }
  | { readonly do: 'operator-takes-over'; readonly host: string }
  /** By hand, as one does who looks first: only what does not run, is not to be started there, is not evacuated already, and whose host has no nova-compute and is not let go. */
  | { readonly do: 'operator-evacuates'; readonly server: string }
  /** Alive, to wherever the scheduler wants it. */
  | { readonly do: 'operator-migrates'; readonly server: string }
  | { readonly do: 'operator-fences'; readonly node: string }
  /** `stonith_admin --confirm`, of a node that is off: no agent is called. */
  | { readonly do: 'operator-confirms'; readonly node: string }
  | { readonly do: 'operator-removes-incident'; readonly node: string }
  /** The record of an evacuation is written over by hand, or (null) deleted; so is an incident, but that is never deleted by this. */
  | {
      readonly do: 'operator-spoils-record';
      readonly node: string;
      readonly record: 'evacuation' | 'incident';
      readonly value: string | null;
    }
  /** `pcs cluster cib`, and later `pcs cluster cib-push --config` of that: the permanent attributes are as they were. */
  | { readonly do: 'operator-saves-cib' }
  | { readonly do: 'operator-pushes-cib' }
  | { readonly do: 'operator-marks'; readonly node: string }
  /** `pcs resource disable` of a remote node, and after a while `enable`. */
  | { readonly do: 'operator-takes-out'; readonly node: string; readonly forMs: number }
  /** A pause of everything, or of one node; `lastsMs`: null for one that nobody can read. */
  | { readonly do: 'operator-pauses'; readonly lastsMs: number | null }
  | { readonly do: 'operator-pauses-node'; readonly node: string; readonly lastsMs: number | null }
  | { readonly do: 'operator-resumes' }
  /** The answer to the question about local disks; `stale`: it names an incident of long ago. */
  | {
      readonly do: 'operator-answers';
      readonly node: string;
      readonly answer: 'evacuate' | 'skip';
      readonly stale: boolean;
    }
  /** Somebody changes an instance's metadata, or the tag of an image, a flavor or an aggregate; null: takes it away. */
  | {
      readonly do: 'user-sets-metadata';
      readonly server: string;
      readonly key: string;
      readonly value: string | null;
    }
  /** The policy file is written anew and read (SIGHUP): the sections named are as given; null: it is broken. */
  | { readonly do: 'operator-writes-policy'; readonly policy: PolicyChange | null }
  | { readonly do: 'operator-tags'; readonly id: string; readonly key: string; readonly value: string | null }
  /** Puts a host into an aggregate, or takes it out. */
  | {
      readonly do: 'operator-moves-host';
      readonly host: string;
      readonly aggregate: number;
      readonly into: boolean;
    }
  /** `soft`: Nova keeps what is deleted for a time (reclaim_instance_interval). */
  | { readonly do: 'user-deletes'; readonly server: string; readonly soft?: boolean }
  | { readonly do: 'user-stops'; readonly server: string }
  /** Where it has come to, if it is stopped there. */
  | { readonly do: 'user-starts'; readonly server: string }
  /** Hard, if its guest runs nowhere but where Nova has it. */
  | { readonly do: 'user-reboots'; readonly server: string }
);

/** A whole run as data: the same plan gives the same run, whoever runs it. */
export interface Plan {
  readonly seed: number;
  readonly world: WorldSpec;
  readonly faults: readonly Fault[];
  /** When an operator looks at what is stuck after the faults, ms, and how long after that again. */
  readonly operatorMs: number;
  /** The parameter `domain` of the evacuator. */
  readonly domain: string | null;
  /** What the operator's policy has otherwise than the default, section by section. */
  readonly policy: PolicyChange;
}

export type PolicyChange = {
  readonly [Section in keyof OperatorPolicy]?: Partial<OperatorPolicy[Section]>;
};

/** The default with what is named put over it, key by key. The timing is the default's: no policy file changes it. */
export function policyOf(change: PolicyChange): Policy {
  const { timing, ...sections } = DEFAULT_POLICY;
  const merged = Object.entries(sections).map(([name, section]) => [
    name,
    { ...section, ...change[name as keyof OperatorPolicy] },
  ]);
  return { timing, ...(Object.fromEntries(merged) as OperatorPolicy) };
}

/** All policies of a run: the first, and those that are written in the middle of it. */
export function policiesOf({ policy, faults }: Plan): readonly Policy[] {
  const written = faults.flatMap((fault) =>
    fault.do === 'operator-writes-policy' && fault.policy !== null ? [{ ...policy, ...fault.policy }] : [],
  );
  return [policy, ...written].map(policyOf);
}

/** When a fault is over; those that last say so. */
export function endOf(fault: Fault): number {
  if (fault.do === 'dead-feed') return fault.at + (fault.mendedAfterMs ?? 0);
  if (fault.do === 'evacuate-fails') return fault.at + (fault.lastsMs ?? 0);
  return fault.at + ('forMs' in fault ? fault.forMs : 0);
}
