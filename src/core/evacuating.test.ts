import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { imagesToFind } from './facts.ts';
import { nodeName } from './names.ts';
import { known, type Observation, type ServiceTrace, type ServiceView, unknown } from './observation.ts';
import { DEFAULT_POLICY, type Policy } from './policy.ts';
import { disabledReason, parseEvacuation } from './records.ts';
import {
  A_CLUSTER,
  aHostView,
  aNode,
  anObservation,
  aServer,
  aService,
  aTrace,
  fact,
  SOURCE,
  someFacts,
} from './testing.ts';

/** What is decided about a host whose record is written. */
function decided(
  service: Partial<ServiceView>,
  more: Partial<Observation>,
  policy: Policy = DEFAULT_POLICY,
): Decision {
  const evacuation = parseEvacuation(
    'v=1,incident=i,phase=evacuating,fenced=1970-01-01T00:00:01Z,since=1970-01-01T00:00:01Z,status=enabled,owner=controller-1:1',
  );
  return decide(
    anObservation({
      now: 100_000,
      mono: 50_000,
      novaNow: 100_000,
      cluster: known({
        ...A_CLUSTER,
        nodes: [aNode('compute-1', 'i', { evacuation })],
      }),
      services: known([
        aService('compute-1', { state: 'down', ...service }),
        aService('compute-2', { updatedAt: 99_000 }),
      ]),
      servicesAt: 49_000,
      hosts: new Map([[SOURCE, aHostView({ incident: 'i', servers: [aServer()], novaNow: 100_000 })]]),
      ...more,
    }),
    policy,
  );
}
const kinds = ({ commands }: Decision): string[] => commands.map(({ kind }) => kind);

it('tells Nova that a host is down only by a fresh look at its service: an operator may have changed it', () => {
  expect(kinds(decided({}, {}))).toContain('force-down');
  const stale = decided({}, { servicesAt: 30_000 });
  expect(kinds(stale)).not.toContain('force-down');
  expect(stale.look.services).toBe(true);
});

it('puts its marker on one that its own nova-compute had disabled, and on none that an operator had', () => {
  const reasonOf = (reason: string) => {
    const { commands } = decided({ status: 'disabled', disabledReason: reason }, {});
    return commands.flatMap((each) => (each.kind === 'force-down' ? [each.disabledReason] : []));
  };
  expect(reasonOf('AUTO: Connection to libvirt lost: 1')).toEqual([disabledReason('i')]);
  expect(reasonOf('broken fan')).toEqual([null]);
});

it('tells Nova nothing while Nova can evacuate nothing, though the host was let in before', () => {
  const facts = someFacts({ controlServices: known([]), aggregates: fact([]) });
  const held = decided({}, { facts });
  expect(kinds(held)).not.toContain('force-down');
  expect(held.verdicts[0]?.text).toMatch(
    /names no nova-scheduler.*goes on when a nova-scheduler is up again/,
  );
  expect(kinds(decided({ forcedDown: true }, {}))).toContain('evacuate');
  const closed = decided({ forcedDown: true }, { facts });
  expect(kinds(closed)).not.toContain('evacuate');
  expect(closed.verdicts[0]?.instances[0]?.text).toMatch(/names no nova-scheduler.*asked for when/);
});

describe('a policy that is read in the middle of an evacuation', () => {
  const { selection, timing } = DEFAULT_POLICY;
  const exclude = { ...selection.exclude, images: ['windows'] };
  const policy = { ...DEFAULT_POLICY, selection: { ...selection, exclude } };
  const image = { id: 'an-image', name: 'windows', tags: [], properties: {} };
  const view = aHostView({ incident: 'i', servers: [aServer({ imageId: image.id })], novaNow: 100_000 });
  const hosts = new Map([[SOURCE, view]]);

  it('is gone by when the images that it names are known: those of the policy before say nothing of them', () => {
    const before = decided({ forcedDown: true }, { hosts }, policy);
    expect(kinds(before)).not.toContain('evacuate');
    expect(before.look.facts.images).toEqual(imagesToFind(policy));
    expect(before.verdicts[0]?.text).toMatch(/looking at the cloud once more/);
    const facts = someFacts({ images: fact([image]), imageQuery: imagesToFind(policy) });
    const after = decided({ forcedDown: true }, { hosts, facts }, policy);
    expect(after.verdicts[0]?.instances[0]).toMatchObject({ outcome: 'excluded' });
    expect(after.look.facts.images).toBeNull();
  });

  it('does not go by what was read long before that evacuation began', () => {
    const { factAgeMs } = timing;
    const begun = (firstLookAt: number): Decision =>
      decided(
        { forcedDown: true },
        { mono: factAgeMs + 1_000, hosts: new Map([[SOURCE, { ...view, firstLookAt }]]) },
      );
    expect(kinds(begun(factAgeMs - 1))).toContain('evacuate');
    const late = begun(factAgeMs);
    expect(kinds(late)).not.toContain('evacuate');
    expect(late.look.facts).toMatchObject({ flavors: true, aggregates: true, serverGroups: true });
  });

  it('holds nobody up for what can’t be read, but those that need it', () => {
    const failed = { value: unknown('503'), mono: 49_999 } as const;
    const facts = someFacts({ images: failed, imageQuery: null });
    const text = decided({ forcedDown: true }, { hosts, facts }, policy).verdicts[0]?.instances[0]?.text;
    expect(text).toMatch(/the images can't be read: 503/);
  });
});

describe('a host that is forced down', () => {
  const forced = (trace: Partial<ServiceTrace>, more: Partial<Observation> = {}) =>
    decided({ forcedDown: true }, { traces: new Map([[SOURCE, aTrace(trace)]]), ...more });

  it('was so by somebody else, if a list has shown that it was not, and nothing was asked since: that is kept', () => {
    const theirs = forced({ notForcedAt: 45_000 });
    expect(theirs.commands).toMatchObject([
      { kind: 'write-evacuation', record: { before: { status: 'enabled', forcedDown: true } } },
    ]);
    expect(theirs.verdicts[0]?.text).toMatch(/somebody has forced it down.*left so/);
    expect(kinds(forced({}))).toContain('evacuate');
  });

  it('counts as ours while a request for it may have come after that list, one of a predecessor too', () => {
    const { requestSettleMs, takeoverSettleMs } = DEFAULT_POLICY.timing;
    expect(kinds(forced({ notForcedAt: 45_000, forceDownAt: 46_000 }))).toContain('evacuate');
    expect(kinds(forced({ notForcedAt: 45_000, forceDownAt: 44_999 }))).toEqual(['write-evacuation']);
    const long = 45_000 - requestSettleMs;
    expect(kinds(forced({ notForcedAt: 45_000, openForceDownAt: long + 1 }))).toContain('evacuate');
    expect(kinds(forced({ notForcedAt: 45_000, openForceDownAt: long }))).toEqual(['write-evacuation']);
    const since = 45_000 - takeoverSettleMs;
    const inherited = new Set([nodeName('compute-1')]);
    const of = (ownerSince: number, more: Partial<Observation>) =>
      kinds(forced({ notForcedAt: 45_000 }, { ownerSince, ...more }));
    expect(of(since + 1, { inherited })).toContain('evacuate');
    expect(of(since, { inherited })).toEqual(['write-evacuation']);
    // One before this that has left no record of the host has asked for nothing.
    expect(of(since + 1, {})).toEqual(['write-evacuation']);
  });
});

describe('a node that has no host in Nova', () => {
  const text = (hosts: readonly string[], domain: string | null): string | undefined =>
    decided({}, { services: known(hosts.map((host) => aService(host))), domain }).verdicts.find(
      ({ phase }) => phase === 'blocked',
    )?.text;

  it('is told both from a name that is wrong, and how a host goes of which Nova knows nothing', () => {
    const told = text(['compute-2'], null);
    expect(told).toContain('Set the parameter domain');
    expect(told).toContain('If this host is new, or its compute service was deleted');
    expect(told).toContain(
      'crm_attribute --node compute-1 --name instance-ha-incident --lifetime forever --delete',
    );
  });

  it('is not to be let go where two of them have its name', () => {
    const told = text(['compute-1', 'compute-1.example.org'], 'example.org');
    expect(told).toContain(
      "more than one compute host of this node's name (compute-1, compute-1.example.org)",
    );
    expect(told).not.toContain('--delete');
  });
});

it('nobody is told to let a host go that Nova does not list, where its cell may only not answer', () => {
  const services = known([aService('compute-2', { updatedAt: 99_000 })]);
  const facts = someFacts({ microversion: known({ max: '2.60', used: '2.60' }) });
  const textOf = (more: Partial<Observation>) => decided({}, { services, ...more }).verdicts[0]?.text;
  expect(textOf({})).toContain('nothing of it is in Nova: remove its instance-ha-incident');
  expect(textOf({ facts })).toContain('If nova-manage cell_v2 list_hosts names it, its cell does not answer');
});
