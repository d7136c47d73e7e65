import { describe, expect, it } from 'vitest';
import { affinityRule } from './affinity.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { type Draft, newDraft } from './draft.ts';
import { type ServerId, serverId } from './names.ts';
import { known, type Observation, type ServerGroupView, type ServiceView, unknown } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { Admission } from './selection.ts';
import {
  A_CLUSTER,
  aHostView,
  aNode,
  anObservation,
  aRecord,
  aServer,
  aService,
  ELSEWHERE,
  fact,
  SOURCE,
  someFacts,
} from './testing.ts';

const ONE = aServer({ id: serverId('1'), name: 'one' });
const TWO = serverId('2');
const MONO = 50_000;

const group = (policy: ServerGroupView['policy'], ...members: readonly ServerId[]): ServerGroupView => ({
  ...{ id: 'g', policy, members },
});

interface Some {
  readonly policy?: ServerGroupView['policy'];
  readonly members?: readonly ServerId[];
  /** The other member, as it was found; not given: nobody has looked. */
  readonly other?: Observation['whereabouts'] extends ReadonlyMap<ServerId, infer T> ? T : never;
  /** The other member, as the list of the dead host shows it. */
  readonly listedOn?: ServiceView['host'];
  readonly service?: Partial<ServiceView>;
  readonly hasIncident?: boolean;
}

function observed(some: Some): Observation {
  const { policy = 'affinity', members = [ONE.id, TWO], other, listedOn, service, hasIncident } = some;
  const servers = listedOn === undefined ? [ONE] : [ONE, aServer({ id: TWO, name: 'two', host: listedOn })];
  return anObservation({
    ...{ now: 100_000, mono: MONO, novaNow: 100_000, servicesAt: MONO - 1_000 },
    cluster: known({
      ...A_CLUSTER,
      nodes: [
        aNode('compute-1', 'i1', { evacuation: aRecord({ since: 1_000, begunAt: 1_000 }) }),
        aNode('compute-2', hasIncident ? 'i2' : null),
        aNode('compute-3', null),
      ],
    }),
    services: known([
      aService('compute-1', { state: 'down', forcedDown: true }),
      aService('compute-2', { updatedAt: 99_000, ...service }),
      aService('compute-3', { updatedAt: 99_000 }),
    ]),
    facts: someFacts({ serverGroups: fact([group(policy, ...members)]) }),
    hosts: new Map([
      [
        SOURCE,
        aHostView({
          incident: 'i1',
          servers,
          novaNow: 100_000,
          ...{ lookedAt: MONO, firstLookAt: MONO - 1_000, listedAt: MONO, followedAt: MONO, changedAt: MONO },
        }),
      ],
    ]),
    whereabouts: new Map(other === undefined ? [] : [[TWO, other]]),
  });
}

function ruled(some: Some): { readonly draft: Draft; readonly admission: Admission } {
  const observation = observed(some);
  const draft = newDraft(observation, DEFAULT_POLICY);
  const cluster = observation.cluster.known ? observation.cluster.value : A_CLUSTER;
  return { draft, admission: affinityRule(draft, cluster)(ONE, SOURCE) };
}
const at = (host: typeof SOURCE | null): NonNullable<Some['other']> => ({ value: known(host), mono: MONO });

describe('an instance of a server group with the policy affinity', () => {
  it('can be placed nowhere where all of its group is on the dead host, and its verdict says what can be done', () => {
    for (const some of [
      { members: [ONE.id] },
      { listedOn: SOURCE },
      { other: at(SOURCE) },
      { other: at(null) },
    ]) {
      const { admission } = ruled(some);
      expect(admission).toMatchObject({
        kind: 'cannot',
        reason: expect.stringMatching(
          /no member of it is on another host than compute-1: .*openstack server group delete g, then openstack server evacuate 1$/,
        ),
      });
    }
  });

  it('goes where another member is, if Nova can choose that host', () => {
    expect(ruled({ other: at(ELSEWHERE) }).admission.kind).toBe('admitted');
    // It has just come there itself.
    expect(ruled({ listedOn: ELSEWHERE }).admission.kind).toBe('admitted');
    // Its cell does not answer: that is not down.
    expect(ruled({ other: at(ELSEWHERE), service: { state: 'unknown' } }).admission.kind).toBe('admitted');
    const out: readonly Some[] = [
      { service: { state: 'down' } },
      { service: { forcedDown: true } },
      { service: { status: 'disabled' } },
      { hasIncident: true },
    ];
    for (const some of out)
      expect(ruled({ other: at(ELSEWHERE), ...some }).admission).toMatchObject({
        kind: 'cannot',
        reason: expect.stringContaining('on compute-2, which Nova can’t choose now'),
      });
  });

  it('is asked for anew from time to time where the other one is: it may be deleted meanwhile', () => {
    const { slowMs } = DEFAULT_POLICY.timing;
    const seenAt = (mono: number) => ruled({ other: { value: known(ELSEWHERE), mono } });
    expect(seenAt(MONO - slowMs + 1).draft.whereabouts.size).toBe(0);
    const { draft, admission } = seenAt(MONO - slowMs);
    expect([...draft.whereabouts]).toEqual([TWO]);
    expect(admission.kind).toBe('admitted');
    // Heard before a list had it, as that of a host that was evacuated meanwhile: too old to go by.
    const old = seenAt(MONO - 2 * slowMs - 1);
    expect(old.admission.kind).toBe('held');
    expect([...old.draft.whereabouts]).toEqual([TWO]);
    // Where that could not be chosen now anyhow, nothing waits for the answer.
    const other = { value: known(ELSEWHERE), mono: MONO - 2 * slowMs - 1 };
    expect(ruled({ other, service: { status: 'disabled' } }).admission.kind).toBe('cannot');
  });

  it('waits until it is known where the others are: unknown is not "on no other host"', () => {
    const { admission, draft } = ruled({});
    expect(admission).toMatchObject({ kind: 'held', reason: expect.stringContaining('looking where') });
    expect([...draft.whereabouts]).toEqual([TWO]);
    const failed = ruled({ other: { value: unknown('503'), mono: MONO - 1_000 } });
    expect(failed.admission).toMatchObject({ kind: 'held', reason: expect.stringContaining('503') });
    // Asked again, after a pause.
    expect([...failed.draft.whereabouts]).toEqual([]);
    expect(failed.draft.wakeMs).toBe(DEFAULT_POLICY.timing.lookRetryMs - 1_000);
  });

  it('is asked about in parts where its group is large', () => {
    const members = Array.from({ length: 50 }, (_, index) => serverId(`m${index}`));
    const { draft } = ruled({ members: [ONE.id, ...members] });
    expect(draft.whereabouts.size).toBe(20);
    expect(draft.wakeMs).toBe(0);
  });
});

it('other policies, and groups that can not be read, restrict nobody', () => {
  for (const policy of ['anti-affinity', 'soft-affinity', 'soft-anti-affinity'] as const)
    expect(ruled({ policy, listedOn: SOURCE }).admission.kind).toBe('admitted');
  const draft = newDraft(
    anObservation({ facts: someFacts({ serverGroups: { value: unknown('503'), mono: 0 } }) }),
    DEFAULT_POLICY,
  );
  expect(affinityRule(draft, A_CLUSTER)(ONE, SOURCE).kind).toBe('admitted');
});

it('is what the instances of a host are judged by: nobody is asked for in vain, and that is an end', () => {
  const asked = ({ commands }: Decision): number => commands.filter(({ kind }) => kind === 'evacuate').length;
  const stuck = decide(observed({ listedOn: SOURCE }), DEFAULT_POLICY);
  expect(asked(stuck)).toBe(0);
  expect(stuck.verdicts[0]?.instances.map(({ outcome }) => outcome)).toEqual(['cannot', 'cannot']);
  expect(stuck.verdicts[0]).toMatchObject({ phase: 'releasing' });
  expect(asked(decide(observed({ policy: 'soft-affinity', listedOn: SOURCE }), DEFAULT_POLICY))).toBe(2);
});
