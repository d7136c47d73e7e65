import { EVACUATION_ATTRIBUTE } from '../../core/records.ts';
import { hostOfNode } from '../../world/model.ts';
import { policiesOf } from '../plan.ts';
import { type CheckerKind, EFFECT_MS, isOurs, isReservedBy, newLists } from './checker.ts';

/** What an operator does in the moment in which we act on what we have just read can't be seen, ms. */
const RACE_MS = 3_500;
/** What a service is when its forced_down has been cleared. */
const CLEARED = 'no longer forced down';
/** What its lists are of. */
const SERVICES = 'services';

interface Hand {
  readonly what: string;
  readonly by: string;
  readonly at: number;
  /** Who had written the record of the host last; null: there was none. */
  readonly recordBy: string | null;
}

/** What a request that came late has done to an operator's disabled host, and whoever has sent it has to undo. */
interface Debt {
  readonly reason: string | null;
  readonly by: string;
}

/** A service that an operator disabled or forced down is not touched; only our own marker is cleared. */
export const operators: CheckerKind = {
  name: "the operator's settings are kept",
  invariants: [16],
  make(scene) {
    // Whoever has kept a host for failures means it to be enabled then (reserves.ts, which knows by which policy); any other is
    // theirs.
    const reservedHosts = policiesOf(scene.plan).some(({ destinations }) => destinations.reservedHosts);
    const disabled = scene.plan.world.computes.filter(
      ({ disabledReason }) =>
        disabledReason !== undefined && !(reservedHosts && isReservedBy(disabledReason)),
    );
    const status = new Map<string, Hand>(
      disabled.map(({ host }) => [
        host,
        { what: 'disabled', by: 'operator', at: Number.NEGATIVE_INFINITY, recordBy: null },
      ]),
    );
    const forced = new Map<string, Hand>();
    /** Hosts of which we have asked Nova to take them as down: who of two has done it then, Nova does not say. */
    const asked = new Set<string>();
    /** Host and status → when we last asked Nova for that. */
    const asking = new Map<string, number>();
    const lists = newLists(scene.world, ({ call }) => (call === 'GET os-services' ? SERVICES : null));
    const hasSeen = (by: string, from: number, to: number): boolean => lists.hasSeen(by, SERVICES, from, to);
    const reasons = new Map<string, string | null>();
    const debts = new Map<string, Debt>();
    const recordsBy = new Map<string, string>();
    /** Process and host → when a request to clear forced_down took effect of which the process has had no answer. */
    const unheard = new Map<string, number>();
    /**
     * Whether a process can know that it was not its predecessor that has forced a host down: that one has left no record of it, or
     * the process has taken the record over, or had listed the services when no request of the predecessor could come any more. Nor
     * can it know that its own request has cleared it in between, before an answer or a list shows that.
     */
    const canKnow = (by: string, host: string, { recordBy, at }: Hand): boolean => {
      const clearedAt = unheard.get(`${by} ${host}`) ?? at;
      if (clearedAt < at && !hasSeen(by, clearedAt, at)) return false;
      if (recordBy === null || recordBy === by) return true;
      const first = lists.firstAt(by, SERVICES) ?? at;
      return hasSeen(by, first + EFFECT_MS, at);
    };
    /**
     * A request can't be taken back: one without an answer may take effect after an operator has disabled the host. It is
     * no violation if it was sent before, but has to be undone: by whoever sent it, if it has looked in between and lives.
     */
    const isLate = ({ at }: Hand, host: string, what: string): boolean => {
      const sentAt = asking.get(`${host} ${what}`) ?? Number.NEGATIVE_INFINITY;
      return sentAt <= at + RACE_MS && scene.world.agenda.now - sentAt <= EFFECT_MS;
    };
    const hostOf = (path: string): string | undefined =>
      [...scene.world.nova.services.values()].find(({ id }) => path.endsWith(`/${id}`))?.host;
    const isTheirs = (hand: Hand | undefined, what: string): boolean =>
      hand !== undefined &&
      hand.what === what &&
      !isOurs(hand.by) &&
      scene.world.agenda.now - hand.at > RACE_MS;
    return {
      sending(process, sending) {
        lists.sending(process, sending);
        const { call, path, body } = sending;
        if (call !== 'PUT os-services' || body === null || typeof body !== 'object') return;
        const host = hostOf(path);
        if (host === undefined) return;
        if ('status' in body) asking.set(`${host} ${body.status}`, scene.world.agenda.now);
        if (!('forced_down' in body)) return;
        if (body.forced_down !== true) {
          asking.set(`${host} ${CLEARED}`, scene.world.agenda.now);
          return;
        }
        asked.add(host);
        // What was set since our last look passes for ours as well.
        if (scene.world.agenda.now - (forced.get(host)?.at ?? 0) <= RACE_MS) forced.delete(host);
      },
      answered({ id }, sending, status) {
        lists.answered(sending, status);
        if (status !== null) unheard.delete(`evacuator:${id} ${hostOf(sending.path)}`);
      },
      fact(fact) {
        if (fact.kind === 'attribute' && fact.name === EVACUATION_ATTRIBUTE) {
          const host = hostOfNode(scene.world, fact.node);
          if (fact.value === null) recordsBy.delete(host);
          else recordsBy.set(host, fact.by);
          // Whoever writes a record has looked before that: what is done in the moment between is in it as ours. With an old CIB one
          // comes back that knows nothing of what was done since.
          const hand = forced.get(host);
          const isBefore = (at: number): boolean =>
            !isOurs(fact.by) || scene.world.agenda.now - at <= RACE_MS;
          if (fact.value !== null && hand?.recordBy === null && isBefore(hand.at))
            forced.set(host, { ...hand, recordBy: fact.by });
        }
        if (fact.kind !== 'service') return;
        const { host, what, by } = fact;
        const hand = { what, by, at: scene.world.agenda.now, recordBy: recordsBy.get(host) ?? null };
        if (what === 'enabled' || what === 'disabled') {
          const before = status.get(host);
          if (!isOurs(by)) {
            debts.delete(host);
            reasons.set(host, scene.world.nova.services.get(host)?.disabledReason ?? null);
          } else if (before !== undefined && isTheirs(before, 'disabled')) {
            if (!isLate(before, host, what))
              scene.violate(`${host} was ${what} by us though an operator had disabled it`);
            if (hasSeen(by, before.at, hand.at)) debts.set(host, { reason: reasons.get(host) ?? null, by });
          }
          status.set(host, hand);
        } else if (what.endsWith('forced down')) {
          const before = forced.get(host);
          const isCleared = isOurs(by) && what === CLEARED;
          // Nor is that undone: a host that is up is no harm, and one that is forced down while it runs may be evacuated.
          if (
            isCleared &&
            before !== undefined &&
            isTheirs(before, 'forced down') &&
            canKnow(by, host, before) &&
            !isLate(before, host, what)
          )
            scene.violate(`forced_down of ${host} was cleared by us though an operator had set it`);
          if (isCleared) unheard.set(`${by} ${host}`, hand.at);
          if (what === CLEARED) asked.delete(host);
          if (!asked.has(host)) forced.set(host, hand);
        }
      },
      end() {
        for (const [host, { reason, by }] of debts) {
          const service = scene.world.nova.services.get(host);
          if (!scene.living().some(({ id }) => by === `evacuator:${id}`)) continue;
          if (service?.status === 'enabled' || (service?.disabledReason ?? null) !== reason)
            scene.violate(`a late request of ours has overtaken ${host}, which an operator had disabled`);
        }
      },
    };
  },
};
