import { FENCE_NOVA, permanentOf, powerDeviceOf } from '../cib.ts';
import { isReachable } from '../machines.ts';
import { isQuorate, type seenFrom } from '../membership.ts';
import { machineOf, type Remote, type World } from '../model.ts';

const ROLES = { started: 'Started', starting: 'Starting', stopping: 'Stopping', stopped: 'Stopped' } as const;

/** A resource, and where it runs. */
export interface Running {
  readonly id: string;
  readonly agent: string;
  readonly role: (typeof ROLES)[keyof typeof ROLES];
  readonly on: string | null;
  /** Somebody wants it stopped (`target-role`). */
  readonly isDisabled?: boolean;
}

export interface Node {
  readonly name: string;
  readonly id: string;
  readonly type: 'member' | 'remote';
  readonly online: boolean;
  readonly unclean: boolean;
  readonly standby: boolean;
  readonly isDc: boolean;
}

/** By name, as Pacemaker sorts them. */
export function nodesOf(world: World, dc: string): readonly Node[] {
  const { cluster, spec } = world;
  const remotes = [...cluster.remotes.values()].map(
    ({ node, online, unclean }): Node => ({
      ...{ name: node, id: node, type: 'remote', online, unclean, standby: false, isDc: false },
    }),
  );
  const members = [...cluster.members.values()].map(({ name, pacemaker, unclean, standby }): Node => {
    const online =
      cluster.agreed.has(name) && pacemaker && isReachable(machineOf(world, name)) && isQuorate(world);
    const id = String(spec.controllers.indexOf(name) + 1);
    return { name, id, type: 'member', online, unclean, standby, isDc: name === dc };
  });
  return [...remotes, ...members].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The connections, the fencing devices, and nova-evacuate. Which controller has a device or a connection is all the same here. */
export function singleResources(world: World): readonly Running[] {
  const { cluster, spec } = world;
  const members = [...cluster.agreed].sort();
  const somewhere = (index: number): string | null => members[index % members.length] ?? null;
  const remotes = [...cluster.remotes.values()];
  const names = [...spec.controllers, ...remotes.map(({ node }) => node)];
  const role = (on: string | null): 'Started' | 'Stopped' => (on === null ? 'Stopped' : 'Started');
  const at = cluster.evacuator;
  return [
    ...remotes.map(({ node, online, targetRole }, index): Running => {
      const on = online ? somewhere(index) : null;
      const isDisabled = targetRole === 'Stopped';
      return { id: node, agent: 'ocf:pacemaker:remote', role: role(on), on, isDisabled };
    }),
    ...names.map((name, index): Running => {
      const on = somewhere(index);
      return {
        id: powerDeviceOf(world, name),
        agent: `stonith:${world.site.powerAgent}`,
        role: role(on),
        on,
      };
    }),
    { id: FENCE_NOVA, agent: 'stonith:fence_compute', role: role(somewhere(0)), on: somewhere(0) },
    {
      id: 'nova-evacuate',
      agent: 'ocf:openstack:NovaEvacuate',
      role: ROLES[at?.state ?? 'stopped'],
      on: at?.on ?? null,
    },
  ];
}

/** What a controller sees of the cluster. */
export type Seen = NonNullable<ReturnType<typeof seenFrom>>;

/** The attributes of a node as the CIB has them, transient ones before permanent ones, by name. */
export function attributesOf(world: World, seen: Seen, node: string): ReadonlyMap<string, string> {
  const transient = [...seen.transient].flatMap(([name, values]): [string, string][] => {
    const value = world.cluster.published.has(name) ? (values.get(node) ?? '') : '';
    return value === '' ? [] : [[name, value]];
  });
  const all = new Map([...permanentOf(world, seen, node), ...transient]);
  return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export interface Clone {
  readonly id: string;
  readonly instances: readonly Running[];
}

/** The compute chain: an instance a remote node. */
export function cloneResources(world: World): readonly Clone[] {
  const clone = (
    id: string,
    agent: string,
    stateOf: (remote: Remote) => 'stopped' | 'starting' | 'started',
  ): Clone => ({
    id: `${id}-clone`,
    instances: [...world.cluster.remotes.values()].map((remote): Running => {
      const role = ROLES[stateOf(remote)];
      return { id, agent, role, on: role === 'Stopped' ? null : remote.node };
    }),
  });
  if (world.spec.cluster.unit === true)
    return [clone('compute-unfence-trigger', 'ocf:pacemaker:Dummy', ({ wait }) => wait)];
  return [
    clone('nova-compute-checkevacuate', 'ocf:openstack:nova-compute-wait', ({ wait }) => wait),
    clone('nova-compute', 'systemd:nova-compute', ({ novaCompute }) =>
      novaCompute === 'unstarted' ? 'stopped' : novaCompute,
    ),
  ];
}
