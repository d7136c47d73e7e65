import { expect, it } from 'vitest';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { nodeName } from './names.ts';
import {
  type FencingEvent,
  known,
  type Maybe,
  type NodeView,
  type ServiceView,
  unknown,
} from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { A_CLUSTER, aNode, anObservation, aService } from './testing.ts';

const NODE = nodeName('compute-1');
/** The controllers' clock, ms, when it was lost; and now. */
const LOST_AT = 1_000_000;
const NOW = LOST_AT + 125_000;
const FAILED: FencingEvent = { action: 'reboot', status: 'failed', completedAt: LOST_AT + 80_000 };
const CONFIRMED: FencingEvent = { action: 'off', status: 'success', completedAt: LOST_AT + 90_000 };
/** Of an outage that is over. */
const LONG_AGO: FencingEvent = { action: 'reboot', status: 'success', completedAt: LOST_AT - 3_600_000 };

interface Scene {
  readonly node?: Partial<NodeView>;
  readonly service?: Partial<ServiceView>;
  readonly fencing?: Maybe<readonly FencingEvent[]>;
  /** When its fencing history was read, ms; -1: not yet. */
  readonly readAt?: number;
  /** Since when this evacuator has seen it offline, ms. */
  readonly since?: number;
  /** When it had seen it online last, ms; null: never. */
  readonly onlineAt?: number | null;
}

/** What is decided two minutes after compute-1 was lost, by an evacuator whose clocks all show the same. */
function decideOffline(scene: Scene = {}) {
  const { node, service, fencing = known([]), readAt = NOW, since = LOST_AT, onlineAt = null } = scene;
  const nodes = [
    aNode('compute-1', null, { online: false, fenced: false, ...node }),
    aNode('compute-2', null),
    aNode('controller-1', null, { kind: 'cluster', online: false }),
  ];
  const offline = new Map([[NODE, { since, onlineAt, fencing: { value: fencing, mono: readAt } }]]);
  return decide(
    anObservation({
      ...{ now: NOW, mono: NOW, begunAt: NOW, novaNow: NOW, servicesAt: NOW },
      cluster: known({ ...A_CLUSTER, nodes, offline }),
      services: known([
        aService('compute-1', { state: 'down', updatedAt: LOST_AT - 5_000, ...service }),
        aService('compute-2'),
      ]),
    }),
    DEFAULT_POLICY,
  );
}

const textOf = ({ verdicts }: Decision): string | null => verdicts[0]?.text ?? null;

it('a node whose power could not be cut has a word, and nothing is done', () => {
  const decision = decideOffline({ fencing: known([FAILED, LONG_AGO]) });
  expect(decision.verdicts).toMatchObject([
    { node: 'compute-1', host: 'compute-1', incident: null, phase: 'blocked' },
  ]);
  expect(textOf(decision)).toContain('not fenced: its power could not be cut');
  expect(textOf(decision)).toContain('instance-ha confirm-fenced compute-1');
  expect(decision.commands).toEqual([]);
  expect([...decision.look.hosts]).toEqual([]);
});

it('... and so has one whose fencing is still being tried', () => {
  const trying: FencingEvent = { action: 'off', status: 'pending', completedAt: null };
  expect(textOf(decideOffline({ fencing: known([trying]) }))).toContain('not fenced');
});

it('one that was confirmed by hand, or by a level without fence_compute, has another', () => {
  const text = /fenced without fence_compute.*instance-ha confirm-fenced compute-1/;
  const byStatus = decideOffline({ node: { fenced: true }, readAt: -1 });
  expect(textOf(byStatus)).toMatch(text);
  expect(byStatus.commands).toEqual([]);
  // Its fencing history is not needed then.
  expect(byStatus.look.history).toEqual([]);
  const byHistory = decideOffline({ node: { fenced: null }, fencing: known([CONFIRMED, FAILED]) });
  expect(textOf(byHistory)).toMatch(text);
});

it('an evacuator that begins later knows by the last report of its nova-compute what belongs to this outage', () => {
  const since = NOW - 120_000;
  const fencing = known([{ ...FAILED, completedAt: since - 4_000 }]);
  expect(textOf(decideOffline({ fencing, since, service: { updatedAt: since - 10_000 } }))).toContain(
    'not fenced',
  );
  expect(textOf(decideOffline({ fencing, since, service: { updatedAt: since + 1_000 } }))).toBeNull();
});

it('... and one that could not read the cluster meanwhile, by when it had seen it online last', () => {
  const since = NOW - 120_000;
  const fencing = known([{ ...FAILED, completedAt: since - 50_000 }]);
  // Somebody changed the service, which dates it anew.
  const service = { updatedAt: since + 5_000 };
  expect(textOf(decideOffline({ fencing, since, service, onlineAt: since - 60_000 }))).toContain(
    'not fenced',
  );
  expect(textOf(decideOffline({ fencing, since, service, onlineAt: since - 2_000 }))).toBeNull();
});

it('one that was stopped or taken out on purpose has none: nobody has tried to fence it', () => {
  expect(textOf(decideOffline())).toBeNull();
  expect(textOf(decideOffline({ fencing: known([LONG_AGO]) }))).toBeNull();
  const unfenced: FencingEvent = { action: 'on', status: 'failed', completedAt: LOST_AT + 10_000 };
  expect(textOf(decideOffline({ fencing: known([unfenced]) }))).toBeNull();
});

it('nothing is said before a normal fencing is over, of a host that Nova does not call down, or of no host of Nova', () => {
  const fencing = known([FAILED]);
  expect(textOf(decideOffline({ fencing, since: NOW - 119_000 }))).toBeNull();
  expect(textOf(decideOffline({ fencing, service: { state: 'up' } }))).toBeNull();
  expect(textOf(decideOffline({ fencing, service: { state: 'unknown' } }))).toBeNull();
  expect(textOf(decideOffline({ fencing, node: { online: null } }))).toBeNull();
  expect(textOf(decideOffline({ fencing, node: { online: true } }))).toBeNull();
  expect(textOf(decideOffline({ fencing, node: { name: nodeName('compute-9') } }))).toBeNull();
});

it('its fencing history is read once a minute, and Nova is asked for nothing more', () => {
  const first = decideOffline({ readAt: -1 });
  expect(first.look.history).toEqual(['compute-1']);
  expect(first.look.services).toBe(false);
  expect(decideOffline({ readAt: NOW - 59_000 }).look.history).toEqual([]);
  expect(decideOffline({ readAt: NOW - 60_000 }).look.history).toEqual(['compute-1']);
});

it('a fencing history that cannot be read is said to be so', () => {
  const decision = decideOffline({ fencing: unknown('stonith_admin gave no answer') });
  expect(textOf(decision)).toContain("can't be read: stonith_admin gave no answer");
});
