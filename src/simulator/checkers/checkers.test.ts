import { describe, expect, it } from 'vitest';
import { nodeName, serverId } from '../../core/names.ts';
import {
  EVACUATION_ATTRIBUTE,
  type EvacuationRecord,
  formatEvacuation,
  HOLD_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  RELEASE_ATTRIBUTE,
} from '../../core/records.ts';
import { aRecord } from '../../core/testing.ts';
import type { TickReport } from '../../evacuator/ports.ts';
import { setTransient } from '../../world/attributes.ts';
import type { Fact } from '../../world/facts.ts';
import { type Agents, createWorld, type World } from '../../world/model.ts';
import { diceOf } from '../dice.ts';
import { planOf } from '../generate.ts';
import { type Plan, policyOf } from '../plan.ts';
import { newProcess, type Process } from '../process.ts';
import type { CheckerKind } from './checker.ts';
import { gates } from './gates.ts';
import { hold } from './hold.ts';
import { nobodyForgotten } from './nobody-forgotten.ts';
import { operators } from './operators.ts';
import { reserves } from './reserves.ts';

const US = 'evacuator:1';

const A_REQUEST = { query: new URLSearchParams(), body: null } as const;

interface Stage {
  readonly world: World;
  readonly process: Process;
  /** Tells the checker of something, and gives all that it has called a violation by now. */
  fact(fact: Fact): readonly string[];
  report(verdicts: TickReport['verdicts']): void;
  /** Our process lists the services. */
  list(): void;
  /** It sends a request to clear forced_down of a host. */
  clear(host: string): void;
  /** It hears what has become of its last request for the service of a host. */
  answer(host: string): void;
}

/** A checker over a small world in which nothing happens but what it is told. */
function stageOf(kind: CheckerKind, make: (plan: Plan) => Plan = (plan) => plan): Stage {
  const plan = make(planOf(1));
  // Nobody calls an agent where no time passes.
  const world = createWorld(plan.world, { dice: diceOf(1), agents: {} as Agents, emit: () => {} });
  const violations: string[] = [];
  const process = newProcess(world, 1, 'controller-1');
  const checker = kind.make({
    ...{ world, plan, violate: (text) => void violations.push(text) },
    ...{
      policies: () => [policyOf(plan.policy)],
      lastReport: () => null,
      living: () => [process],
      touched: () => false,
    },
    ...{ sawQuorum: () => null, sawClusterAt: () => world.agenda.now },
  });
  return {
    world,
    process,
    fact(fact) {
      checker.fact?.(fact);
      return violations;
    },
    report: (verdicts) => checker.report?.(process, { verdicts } as TickReport),
    list() {
      const list = { ...A_REQUEST, call: 'GET os-services', path: '/os-services' };
      checker.sending?.(process, list);
      checker.answered?.(process, list, 200);
    },
    clear(host) {
      const path = `/os-services/${world.nova.services.get(host)?.id ?? ''}`;
      checker.sending?.(process, {
        ...A_REQUEST,
        call: 'PUT os-services',
        path,
        body: { forced_down: false },
      });
    },
    answer(host) {
      const path = `/os-services/${world.nova.services.get(host)?.id ?? ''}`;
      checker.answered?.(process, { ...A_REQUEST, call: 'PUT os-services', path }, 200);
    },
  };
}

const written = (record: Partial<EvacuationRecord>, node = 'compute-1'): Fact => ({
  ...{ kind: 'attribute', node, name: EVACUATION_ATTRIBUTE, lifetime: 'forever', by: US },
  value: formatEvacuation(aRecord(record)),
});

describe('no instance is forgotten', () => {
  const verdict = (incident: string, ids: readonly string[]): TickReport['verdicts'][number] => ({
    ...{ node: nodeName('compute-1'), host: null, incident, phase: 'evacuating', text: '' },
    instances: ids.map((id) => ({
      ...{ id: serverId(id), name: id, outcome: 'cannot', to: null, attempts: 0, disk: 'kept' },
      ...{ differences: [], text: '' },
    })) as TickReport['verdicts'][number]['instances'],
  });
  const left = ({ world }: Stage): string[] =>
    [...world.nova.instances.values()].filter(({ host }) => host === 'compute-1').map(({ id }) => id);

  it('who is named by the last report of the incident that is released, whatever has begun since', () => {
    const stage = stageOf(nobodyForgotten);
    expect(left(stage).length).toBeGreaterThan(0);
    stage.report([verdict('i1', left(stage))]);
    stage.report([verdict('i2', [])]);
    expect(stage.fact(written({ phase: 'returning' }))).toEqual([]);
  });

  it('... and not who is named by that of another one', () => {
    const stage = stageOf(nobodyForgotten);
    stage.report([verdict('i2', left(stage))]);
    expect(stage.fact(written({ phase: 'returning' }))[0]).toMatch(/left on it as nobody knows/);
  });
});

describe('the hold', () => {
  const incident: Fact = {
    ...{ kind: 'attribute', node: 'compute-1', name: INCIDENT_ATTRIBUTE, lifetime: 'forever', by: 'fencer' },
    value: 'id=i1',
  };
  const answered = (token: string): Fact => ({
    ...{ kind: 'attribute', node: 'compute-1', name: RELEASE_ATTRIBUTE, lifetime: 'reboot', by: US },
    value: `released ${token}`,
  });

  it('is not released by an answer to a boot that is gone, but by one to the boot that asks', () => {
    const stage = stageOf(hold);
    stage.fact(incident);
    stage.world.agenda.now += 5_000;
    expect(stage.fact(answered('before'))).toEqual([]);
    setTransient(stage.world, 'compute-1', HOLD_ATTRIBUTE, 'now', 'compute-1');
    expect(stage.fact(answered('before'))).toEqual([]);
    expect(stage.fact(answered('now'))).toEqual([
      'compute-1 is answered "released" though its incident stands',
    ]);
  });
});

describe('the gates', () => {
  it('count a share of all hosts only when all have been counted for longer than a list of the services is old', () => {
    const stage = stageOf(gates, (plan) => ({ ...plan, policy: { gates: { shareFromHosts: 3 } } }));
    const { world, fact, report } = stage;
    const hosts = world.spec.computes.map(({ node }) => node);
    expect(hosts.length).toBeGreaterThanOrEqual(3);
    const set = (host: string, status: 'enabled' | 'disabled'): void => {
      const service = world.nova.services.get(host);
      if (service !== undefined) Object.assign(service, { status, disabledReason: null });
      fact({ kind: 'service', host, what: status, by: 'operator' });
    };
    for (const host of hosts) set(host, 'enabled');
    set(hosts.at(-1) ?? '', 'disabled');
    for (const node of hosts.slice(0, -1))
      fact({
        ...{ kind: 'attribute', node, name: INCIDENT_ATTRIBUTE, lifetime: 'forever', by: 'fencer' },
        value: 'id=i1',
      });
    const begin = (node: string): readonly string[] => {
      report([]);
      return fact(written({}, node));
    };
    world.agenda.now += 60_000;
    expect(begin('compute-1')).toEqual([]);
    set(hosts.at(-1) ?? '', 'enabled');
    world.agenda.now += 3_000;
    expect(begin('compute-2')).toEqual([]);
    world.agenda.now += 6_000;
    expect(begin('compute-3')).toEqual([expect.stringMatching(/begins though .* hosts have failed/)]);
  });
});

describe('a reserved host', () => {
  const enabled = (what: 'enabled' | 'disabled'): Fact => ({
    kind: 'service',
    host: 'compute-2',
    what,
    by: US,
  });
  const stage = (): Stage =>
    stageOf(reserves, (plan) => ({
      ...plan,
      policy: { destinations: { reservedHosts: true } },
      world: {
        ...plan.world,
        computes: plan.world.computes.map((each) => ({ ...each, disabledReason: 'reserved' })),
      },
    }));

  it('is not enabled for nobody by a late request when it is enabled already', () => {
    const { fact } = stage();
    expect(fact(written({}, 'compute-1'))).toEqual([]);
    expect(fact(enabled('enabled'))).toEqual(['the reserved host compute-2 is enabled for nobody']);
    expect(fact(enabled('enabled'))).toHaveLength(1);
    expect(fact(enabled('disabled'))).toHaveLength(1);
    expect(fact(enabled('enabled'))).toHaveLength(2);
  });
});

const PREDECESSOR = 'evacuator:0';
const forced = (what: 'forced down' | 'no longer forced down', by: string): Fact => ({
  ...{ kind: 'service', host: 'compute-1', what, by },
});
const CLEARED = ['forced_down of compute-1 was cleared by us though an operator had set it'];

describe('a host that an operator forces down right after we have cleared that', () => {
  /** What is a violation of clearing it once more; what shows the evacuator that the first time has taken effect. */
  const clearedTwice = (shows: 'answer' | 'list' | null): readonly string[] => {
    const { world, list, answer, fact } = stageOf(operators);
    list();
    world.agenda.now += 5_000;
    fact(forced('no longer forced down', US));
    if (shows === 'answer') answer('compute-1');
    if (shows === 'list') list();
    world.agenda.now += 300;
    fact(forced('forced down', 'operator'));
    world.agenda.now += 20_000;
    list();
    return fact(forced('no longer forced down', US));
  };

  it('passes for ours only where neither an answer nor a list has shown what became of our request', () => {
    expect(clearedTwice(null)).toEqual([]);
    expect(clearedTwice('answer')).toEqual(CLEARED);
    expect(clearedTwice('list')).toEqual(CLEARED);
  });
});

it('a host that an operator forces down while a request to clear that is on its way is no violation; one that is sent after it is', () => {
  const cleared = (sentMs: number, takesMs: number): readonly string[] => {
    const { world, list, clear, fact } = stageOf(operators);
    list();
    world.agenda.now += 50_000;
    const at = world.agenda.now;
    fact(forced('forced down', 'operator'));
    world.agenda.now = at + sentMs;
    clear('compute-1');
    world.agenda.now += takesMs;
    return fact(forced('no longer forced down', US));
  };
  expect(cleared(-10_000, 20_000)).toEqual([]);
  expect(cleared(-10_000, 60_000)).toEqual(CLEARED);
  expect(cleared(10_000, 20_000)).toEqual(CLEARED);
});

describe('a host that an operator forces down while an evacuator takes its record over from another', () => {
  /** What is a violation of it; the evacuator lists the services when it begins, and `listsAfterMs` later. */
  const cleared = (record: Fact | null, listsAfterMs: number | null): readonly string[] => {
    const { world, list, fact } = stageOf(operators);
    if (record !== null) fact(record);
    list();
    world.agenda.now += listsAfterMs ?? 0;
    if (listsAfterMs !== null) list();
    fact(forced('forced down', 'operator'));
    world.agenda.now += 5_000;
    return fact(forced('no longer forced down', US));
  };

  it('passes for what the other had asked for, as long as that may come', () => {
    const theirs = { ...written({}), by: PREDECESSOR } as Fact;
    expect(cleared(theirs, null)).toEqual([]);
    expect(cleared(theirs, 29_999)).toEqual([]);
    expect(cleared(theirs, 30_000)).toEqual(CLEARED);
    expect(cleared(written({}), null)).toEqual(CLEARED);
    expect(cleared(null, null)).toEqual(CLEARED);
  });
});
