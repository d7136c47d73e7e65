import { EVACUATION_ATTRIBUTE, type EvacuationRecord, parseEvacuation } from '../../core/records.ts';
import { hostOfNode, nodeOfHost, zoneOf } from '../../world/model.ts';
import {
  type CheckerKind,
  EFFECT_MS,
  evacuatedBy,
  isOurs,
  isReservedBy,
  STEP_MS,
  UNRECORDED,
  WRITE_MS,
} from './checker.ts';

/** A reserved host is claimed by one, enabled for that one only, near it, and given back as it was when nothing comes to it. */
export const reserves: CheckerKind = {
  name: 'a reserved host is claimed once, and given back',
  invariants: [18],
  make(scene) {
    const { world } = scene;
    const reasons = new Map(
      scene.plan.world.computes
        .filter(({ disabledReason }) => isReservedBy(disabledReason))
        .map(({ host, disabledReason }) => [host, disabledReason ?? '']),
    );
    const racks = scene.plan.world.nova.aggregates;
    /** Aggregate → the hosts that were ever in it: what has been read of it may be of any time. */
    const everIn = new Map(racks.map(({ id, hosts }) => [id, new Set(hosts)]));
    /** `HOST AGGREGATE` of those that an operator has moved: what is there is theirs. */
    const moved = new Set<string>();
    const records = new Map<string, EvacuationRecord>();
    /** Host → when a record with a claim on it was last there, and an operator has taken it away: what was asked for by it may come yet. */
    const takenAway = new Map<string, number>();
    const isJustTaken = (host: string, withinMs: number): boolean =>
      world.agenda.now - (takenAway.get(host) ?? Number.NEGATIVE_INFINITY) <= withinMs;
    /** `INCIDENT HOST` of all claims so far. */
    const claimed = new Set<string>();
    /** Nodes whose record stands as somebody else has put it there. */
    const foreign = new Set<string>();
    /** Hosts of whose service an operator, or a death of their own, has made something else, or whose old claim is back with an old CIB. */
    const changed = new Set<string>();
    /** Hosts to which an evacuation has been sent while they were claimed, deleted instances' included. */
    const used = new Set<string>();
    /** Reserved hosts that are enabled: a late request to enable one changes nothing. */
    const enabled = new Set<string>();

    const claims = (node: string, record: EvacuationRecord): void => {
      const hasReserves = scene
        .policies(STEP_MS + WRITE_MS)
        .some(({ destinations }) => destinations.reservedHosts);
      const before = records.get(node)?.reserves.map(({ host }) => host) ?? [];
      for (const { host, reason } of record.reserves) {
        if (before.includes(host)) continue;
        if (nodeOfHost(world, host) === node) continue;
        const other = [...records].find(
          ([name, { reserves }]) =>
            name !== node &&
            !foreign.has(name) &&
            name !== nodeOfHost(world, host) &&
            reserves.some((each) => each.host === host),
        );
        if (other !== undefined)
          scene.violate(`${host} is claimed for ${node}, and is claimed for ${other[0]}`);
        const isNew = !claimed.has(`${record.incident} ${host}`);
        if (isNew && !hasReserves)
          scene.violate(`${host} is claimed for ${node}, and the policy has no reserved hosts`);
        if (!isReservedBy(reason)) scene.violate(`${host} is claimed for ${node}, and is not reserved`);
        const dead = hostOfNode(world, node);
        const isNear =
          zoneOf(world, host) === zoneOf(world, dead) ||
          [...everIn.values()].some((hosts) => hosts.has(host) && hosts.has(dead));
        if (!isNear) scene.violate(`${host} is claimed for ${node}, and is of another aggregate and zone`);
      }
    };
    return {
      fact(fact) {
        if (fact.kind === 'attribute' && fact.name === EVACUATION_ATTRIBUTE) {
          const record = fact.value === null ? null : parseEvacuation(fact.value);
          if (!isOurs(fact.by))
            for (const { host } of records.get(fact.node)?.reserves ?? [])
              takenAway.set(host, world.agenda.now);
          if (isOurs(fact.by)) foreign.delete(fact.node);
          else foreign.add(fact.node);
          if (record === null) records.delete(fact.node);
          else {
            if (isOurs(fact.by)) claims(fact.node, record);
            else for (const { host } of record.reserves) changed.add(host);
            for (const { host } of record.reserves) claimed.add(`${record.incident} ${host}`);
            records.set(fact.node, record);
          }
        }
        if (fact.kind === 'migration' && fact.dest !== null) used.add(fact.dest);
        if (fact.kind !== 'service') return;
        if (!isOurs(fact.by) && /abled$/.test(fact.what)) changed.add(fact.host);
        if (fact.what.includes('aggregate')) {
          for (const { id, hosts } of world.nova.aggregates)
            for (const host of hosts) everIn.get(id)?.add(host);
          const name = fact.what.split(' ').at(-1);
          if (!isOurs(fact.by)) moved.add(`${fact.host} ${name}`);
        }
        const wasEnabled = enabled.has(fact.host);
        if (fact.what === 'enabled') enabled.add(fact.host);
        if (fact.what === 'disabled') enabled.delete(fact.host);
        if (!isOurs(fact.by) || fact.what !== 'enabled' || !reasons.has(fact.host) || wasEnabled) return;
        const isClaimed = [...records.values()].some(({ reserves }) =>
          reserves.some(({ host }) => host === fact.host),
        );
        const isBack = records.has(nodeOfHost(world, fact.host));
        if (!isClaimed && !isBack && !isJustTaken(fact.host, EFFECT_MS))
          scene.violate(`the reserved host ${fact.host} is enabled for nobody`);
      },
      sending(_process, sending) {
        const instance = evacuatedBy(world, sending);
        const { evacuate } = (sending.body ?? {}) as { readonly evacuate?: { readonly host?: string } };
        const target = evacuate?.host;
        if (instance === null || instance.host === null || target === undefined) return;
        const its = records.get(nodeOfHost(world, instance.host))?.reserves ?? [];
        const isTargeted = scene.policies(STEP_MS).some(({ destinations }) => destinations.targetReserved);
        const isIts = its.some(({ host }) => host === target) || isJustTaken(target, EFFECT_MS);
        if (!isTargeted || !isIts)
          scene.violate(`${instance.name} is sent to ${target}, which is not reserved for it`);
      },
      end() {
        for (const [host, reason] of reasons) {
          const service = world.nova.services.get(host);
          if (service === undefined || changed.has(host)) continue;
          if (service.status === 'enabled' && !used.has(host) && !scene.touched(UNRECORDED))
            scene.violate(`the reserved host ${host} is still enabled, and nothing has come to it`);
          const isOurWord = service.disabledReason?.startsWith('instance-ha: quarantine') ?? false;
          if (service.status === 'disabled' && service.disabledReason !== reason && !isOurWord)
            scene.violate(
              `the reserved host ${host} is disabled as "${service.disabledReason}", not "${reason}"`,
            );
          // What has taken instances is a host as any other, in quarantine too, unless it has its reason back.
          const isGivenBack = service.disabledReason?.includes(reason) ?? false;
          if (service.status === 'enabled' || (used.has(host) && !isGivenBack)) continue;
          for (const { id, name, hosts } of world.nova.aggregates) {
            const wasIn = racks.find((each) => each.id === id)?.hosts.includes(host) ?? false;
            if (hosts.includes(host) !== wasIn && !moved.has(`${host} ${name}`))
              scene.violate(`the reserved host ${host} is ${wasIn ? 'not in' : 'still in'} ${name}`);
          }
        }
      },
    };
  },
};
