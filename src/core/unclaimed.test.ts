import { describe, expect, it } from 'vitest';
import { abandoned } from './deaths.ts';
import { newDraft } from './draft.ts';
import { type HostName, hostName, serverId } from './names.ts';
import {
  type ClusterView,
  type EvacuationView,
  type HostView,
  known,
  type NodeView,
  type ServiceView,
  type TrailView,
  trailKey,
  unknown,
} from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { parseEvacuation } from './records.ts';
import {
  A_CLUSTER,
  aHostView,
  aNode,
  anObservation,
  aRecord,
  aServer,
  aService,
  ELSEWHERE,
  SOURCE,
} from './testing.ts';
import { judgeUnclaimed } from './unclaimed.ts';

/** Both clocks, when the evacuation was made. */
const SENT = 1_000_000;
const NOW = SENT + 100_000;
const SERVER = aServer().id;

function evacuation(id: number, more: Partial<EvacuationView> = {}): EvacuationView {
  const of = { id, server: SERVER, source: SOURCE, dest: null, status: 'accepted' } as const;
  return { ...of, createdAt: SENT, updatedAt: SENT, ...more };
}

function recordOf(lost: readonly number[], more = '') {
  const record = parseEvacuation(
    `v=1,incident=i,phase=evacuating,fenced=${iso(SENT - 5_000)},since=${iso(SENT - 9_000)},status=enabled,owner=o:1,lost=${lost.join('+')}${more}`,
  );
  if (record === null) throw new Error('no record');
  return record;
}

/** Known by its host's name, unless it is an FQDN: as such Nova lists no hypervisor here. */
const asProvider = (provider: string) => ({
  provider,
  host: provider.includes('.') ? null : hostName(provider),
});

const trailOf = (names: readonly string[], more: Partial<TrailView> = {}): TrailView => ({
  ...{ sent: true, gaveUp: false, receivedAt: null, receivedBy: null, seenAt: 500_000, toldAt: 500_000 },
  givers: known(names.map(asProvider)),
  ...more,
});

const iso = (ms: number): string => new Date(ms).toISOString();

interface Scene {
  readonly evacuations?: readonly EvacuationView[];
  readonly lost?: readonly number[];
  /** What Placement names; null: it has not been asked. */
  readonly names?: readonly string[] | null;
  /** When compute-2 died, by its history; null: it has not. */
  readonly diedAt?: number | null;
  readonly node?: Partial<NodeView>;
  readonly service?: Partial<ServiceView>;
  /** How long compute-2 has reported since it is up, ms. */
  readonly upMs?: number;
  readonly third?: { readonly node?: Partial<NodeView>; readonly service?: Partial<ServiceView> };
  readonly followedAt?: number;
  /** How far its request has come: to some nova-compute, unless said otherwise. */
  readonly trail?: Partial<TrailView>;
  /** The evacuation whose request that is; the newest, unless said otherwise. */
  readonly asked?: EvacuationView;
  /** What is known of hosts besides. */
  readonly hosts?: ReadonlyMap<HostName, HostView>;
  /** The instance, where it has been seen. */
  readonly servers?: HostView['servers'];
  /** How far the controllers' clock is behind Nova's, ms. */
  readonly behindMs?: number;
}

/** compute-2 has died 10 s after the evacuation was sent, and has been up again for long, unless said otherwise. */
function look(scene: Scene = {}) {
  const { evacuations = [evacuation(1)], lost = [], names = [SOURCE, ELSEWHERE], upMs = 40_000 } = scene;
  const asked = scene.asked ?? evacuations.at(-1);
  const { behindMs = 0, diedAt = SENT + 10_000 } = scene;
  const past =
    diedAt === null ? null : { incidents: [{ id: 'second', at: diedAt - behindMs, novaAt: diedAt }] };
  const nodes = [
    aNode('compute-1', 'i', { evacuation: recordOf(lost) }),
    aNode('compute-2', null, { past, ...scene.node }),
    aNode('compute-3', null, scene.third?.node),
  ];
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes,
  };
  const services = [
    aService('compute-1', { state: 'down', forcedDown: true }),
    aService('compute-2', { updatedAt: NOW, ...scene.service }),
    aService('compute-3', { updatedAt: NOW, ...scene.third?.service }),
  ];
  const draft = newDraft(
    anObservation({
      now: NOW - behindMs,
      mono: 500_000,
      novaNow: NOW,
      services: known(services),
      servicesAt: 500_000,
      upSince: new Map([[ELSEWHERE, NOW - upMs]]),
      hosts: scene.hosts ?? new Map(),
      trails:
        names === null || asked === undefined
          ? new Map()
          : new Map([[trailKey(asked), { value: known(trailOf(names, scene.trail)), mono: 499_000 }]]),
    }),
    DEFAULT_POLICY,
  );
  const view = aHostView({
    incident: 'i',
    evacuations,
    servers: scene.servers ?? [],
    novaNow: NOW,
    followedAt: scene.followedAt ?? 500_000,
  });
  const found = judgeUnclaimed(draft, cluster, { view, record: recordOf(lost) });
  return { draft, found, last: found.get(evacuations.at(-1)?.id ?? 0) };
}

const why = (scene: Scene): string => {
  const { last } = look(scene);
  return last?.kind === 'waiting' ? last.reason : (last?.kind ?? 'nothing unusual');
};

describe('an evacuation that nobody has claimed', () => {
  it('is lost when its host has died since, and has been up again for long enough to empty its queue', () => {
    expect(look().last).toEqual({ kind: 'lost', hosts: [ELSEWHERE] });
    expect(why({ upMs: 29_000 })).toMatch(/compute-2, which died/);
    expect(why({ service: { state: 'down' } })).toMatch(/compute-2, which died/);
    expect(why({ node: { incident: { id: 'x', at: SENT, by: 'fencer', on: 'c' } } })).toMatch(/which died/);
    expect(why({ node: { incident: 'unreadable' } })).toMatch(/which died/);
    // Its last report is from before its death: it is up by its old heartbeat only.
    expect(why({ diedAt: NOW - 20_000 })).toMatch(/which died/);
  });

  it('stays behind where the instance has come to the host that received its request: Nova has taken an older record', () => {
    const seen = (more: Parameters<typeof aServer>[0], receivedBy: HostName | null = ELSEWHERE) =>
      look({ servers: [aServer(more)], trail: { receivedAt: SENT + 500, receivedBy } }).last?.kind;
    expect(seen({ host: ELSEWHERE })).toBe('left-behind');
    expect(seen({ host: ELSEWHERE, taskState: 'rebuild_spawning' })).not.toBe('left-behind');
    expect(seen({ host: SOURCE })).not.toBe('left-behind');
    expect(seen({ host: ELSEWHERE }, null)).not.toBe('left-behind');
    expect(seen({ host: ELSEWHERE }, hostName('compute-3'))).not.toBe('left-behind');
  });

  it('waits for a person who has forced its host down: that is not given back with the host', () => {
    const forced = { state: 'down', forcedDown: true } as const;
    expect(why({ service: forced })).toMatch(
      /forced down.*openstack compute service set --up compute-2 nova-compute\): 30 s later/,
    );
    const evacuation = aRecord({ phase: 'returning' });
    expect(why({ service: forced, node: { evacuation } })).toMatch(/Once nova-compute is back there/);
    const incident = { id: 'x', at: SENT, by: 'fencer', on: 'c' } as const;
    expect(why({ service: forced, node: { incident } })).toMatch(/Once nova-compute is back there/);
  });

  it('is lost only when it was looked at after that', () => {
    expect(why({ followedAt: 499_000 })).toMatch(/compute-2, which died/);
  });

  it('is nothing unusual while it is young, or while no other host has died since', () => {
    expect(why({ evacuations: [evacuation(1, { createdAt: NOW - 29_000 })], diedAt: NOW })).toMatch(
      /unusual/,
    );
    expect(why({ diedAt: null })).toMatch(/unusual/);
    expect(why({ diedAt: SENT - 6_000 })).toMatch(/unusual/);
    expect(why({ evacuations: [evacuation(1, { status: 'pre-migrating' })] })).toMatch(/unusual/);
    expect(look({ diedAt: null, names: null }).draft.trails.size).toBe(0);
    const writtenDown = look({ lost: [1], names: null });
    expect([writtenDown.found.size, writtenDown.draft.trails.size]).toEqual([0, 0]);
  });

  it('is waited for while its host lives', () => {
    expect(why({ names: [SOURCE, 'compute-3'] })).toMatch(/sent to compute-3; waiting for its nova-compute/);
  });

  it('is looked into after 5 min whoever died: Placement tells where it went, or a person that it may be lost', () => {
    const at = (ageMs: number) => [evacuation(1, { createdAt: NOW - ageMs, updatedAt: NOW - ageMs })];
    const { lostRequestMs } = DEFAULT_POLICY.timing;
    const nobodyDied = { diedAt: null, names: [SOURCE] };
    expect(why({ ...nobodyDied, evacuations: at(lostRequestMs - 1) })).toMatch(/unusual/);
    expect(why({ ...nobodyDied, evacuations: at(lostRequestMs) })).toMatch(
      new RegExp(`nobody has taken it up yet: .* more than 5 min.*openstack server evacuate ${SERVER};`),
    );
    const sent = { diedAt: null, names: [SOURCE, ELSEWHERE], evacuations: at(lostRequestMs) };
    expect(why(sent)).toMatch(
      new RegExp(`sent to compute-2; .* more than 5 min.*grep compute.compute-2.*server evacuate ${SERVER};`),
    );
    const received = { receivedAt: NOW - lostRequestMs, receivedBy: ELSEWHERE };
    expect(why({ ...sent, trail: received })).toMatch(
      /received by the nova-compute of compute-2; .* more than 5 min. If nova-compute on compute-2 has been restarted since .*server evacuate/,
    );
    expect(why({ names: [SOURCE] })).not.toMatch(/openstack server evacuate/);
  });

  it('is said to be waited for once the instance has arrived by a record that Nova took for it', () => {
    const older = evacuation(1, { dest: ELSEWHERE, status: 'done', createdAt: SENT - 60_000 });
    const own = evacuation(2);
    const by = (updatedAt: number) => why({ evacuations: [{ ...older, updatedAt }, own], names: [SOURCE] });
    expect(by(SENT)).toMatch(/has arrived by another of its requests; .* 10 min at most/);
    expect(by(SENT - 1)).toMatch(/does not say yet/);
  });

  it('is not taken for one of another cell that has its number', () => {
    expect(why({})).toBe('lost');
    const asked = evacuation(1, { server: serverId('22222222-0000-4000-8000-000000000000') });
    expect(why({ asked })).toMatch(/asking Nova how far/);
  });

  it('goes by Nova’s clock, whatever the controllers’ says', () => {
    for (const behindMs of [-90_000, 90_000]) {
      expect(why({ behindMs })).toBe('lost');
      expect(why({ behindMs, diedAt: SENT - 6_000 })).toMatch(/unusual/);
    }
  });

  it('asks Nova and Placement, and waits while these name nobody, or somebody whom Nova does not know', () => {
    const { draft } = look({ names: null });
    expect([...draft.trails.values()]).toEqual([evacuation(1)]);
    expect(draft.wakeMs).toBe(0);
    expect(why({ names: null })).toMatch(/asking Nova how far/);
    expect(why({ names: [SOURCE] })).toMatch(/does not say yet/);
    expect(why({ names: [SOURCE, ELSEWHERE, 'compute-2.example.org'] })).toMatch(/no compute host of Nova/);
    expect(look().draft.trails.size).toBe(0);
    const silent = { givers: unknown('no answer') };
    expect(why({ trail: silent })).toMatch(
      /Placement can't be asked which host was chosen for it: no answer/,
    );
  });

  it('needs no Placement when the request named its host', () => {
    const evacuations = [evacuation(1, { dest: ELSEWHERE })];
    const trail = { givers: unknown('the request named its host') };
    expect(why({ evacuations, trail })).toBe('lost');
    expect(why({ evacuations, trail, upMs: 0 })).toMatch(/which died/);
  });

  it('is told from an earlier one that was lost: what was allocated for that stays', () => {
    const earlier = evacuation(1, { dest: ELSEWHERE, status: 'pre-migrating', createdAt: SENT - 50_000 });
    const evacuations = [{ ...earlier, updatedAt: SENT - 49_000 }, evacuation(2)];
    const lost = [1];
    // Nobody has been chosen for the second one yet, or the same host again: it can't be told.
    expect(why({ evacuations, lost, names: [SOURCE, ELSEWHERE] })).toMatch(/does not say yet/);
    const third = hostName('compute-3');
    expect(why({ evacuations, lost, names: [SOURCE, ELSEWHERE, third] })).toMatch(/sent to compute-3/);
    const unclaimed = [evacuation(1, { createdAt: SENT - 50_000 }), evacuation(2)];
    expect(why({ evacuations: unclaimed, lost, names: [SOURCE, ELSEWHERE] })).toMatch(/does not say yet/);
  });

  it('was not sent to a host that an earlier evacuation left and that is out since', () => {
    const released = `,released=${iso(SENT - 3_600_000)}`;
    const evacuation = { ...recordOf([], released), phase: 'returning' as const };
    const names = [SOURCE, ELSEWHERE, 'compute-3'];
    const out = { node: { evacuation }, service: { state: 'down', forcedDown: true } } as const;
    expect(why({ names, third: out })).toBe('lost');
    expect(why({ names })).toMatch(/sent to compute-3/);
  });

  it('... which is still being evacuated, too: what it had been sent away from stays allocated there', () => {
    const third = hostName('compute-3');
    const names = [SOURCE, ELSEWHERE, third];
    const out = {
      node: { incident: { id: 'i3', at: SENT - 60_000, by: 'fencer', on: 'c' }, evacuation: recordOf([]) },
      service: { state: 'down', forcedDown: true },
    } as const;
    const left = evacuation(0, { source: third, createdAt: SENT - 8_000, status: 'done' });
    const of = (evacuations: readonly EvacuationView[]) =>
      new Map([[third, aHostView({ host: third, evacuations })]]);
    expect(why({ names, third: out, hosts: of([left]) })).toBe('lost');
    // It may have been chosen before it was forced down.
    expect(why({ names, third: out, hosts: of([]) })).toMatch(/sent to compute-3/);
    expect(why({ names, third: out, hosts: of([{ ...left, id: 2 }]) })).toMatch(/sent to compute-3/);
    expect(why({ names, third: { node: out.node }, hosts: of([left]) })).toMatch(/sent to compute-3/);
  });
});

it('a host that the request has named is the one that was chosen, also where an earlier one was lost there', () => {
  const named = [
    evacuation(1, { dest: ELSEWHERE, createdAt: SENT - 5_000 }),
    evacuation(2, { dest: ELSEWHERE }),
  ];
  expect(look({ evacuations: named, lost: [1] }).last).toEqual({ kind: 'lost', hosts: [ELSEWHERE] });
});

describe('where Placement names a host that was chosen for an evacuation of long ago', () => {
  it('nothing is lost before nova-conductor has sent it', () => {
    const trail = { sent: false };
    expect(why({ trail })).toMatch(/nova-conductor has not sent it to a host yet$/);
    expect(why({ trail, names: [SOURCE, 'compute-3'] })).toMatch(/nova-conductor has not sent it/);
    const evacuations = [evacuation(1, { createdAt: NOW - DEFAULT_POLICY.timing.lostRequestMs })];
    expect(why({ trail, evacuations })).toMatch(
      /not sent it to a host yet, for more than 5 min.*server evacuate/,
    );
    expect(why({ trail, evacuations: [evacuation(1, { dest: ELSEWHERE })] })).toMatch(/has not sent it/);
  });

  it('nothing is lost while it may have been sent to the other', () => {
    const names = [SOURCE, ELSEWHERE, 'compute-3'];
    expect(why({ names })).toMatch(/sent to compute-3; waiting/);
    const third = { node: { past: { incidents: [{ id: 'third', at: SENT + 1, novaAt: SENT + 1 }] } } };
    expect(why({ names, third })).toMatch(/sent to compute-3, which died/);
  });

  it('the one that has received it is the one that was chosen', () => {
    const names = [SOURCE, ELSEWHERE, 'compute-3'];
    const received = { receivedAt: SENT + 1_000, receivedBy: ELSEWHERE };
    expect(look({ names, trail: received }).last).toEqual({ kind: 'lost', hosts: [ELSEWHERE] });
    expect(why({ trail: { ...received, receivedBy: hostName('compute-3') } })).toMatch(/does not say yet/);
  });

  it('what nova-conductor has given up is so when a look after that still shows its record', () => {
    const trail = { sent: false, gaveUp: true, toldAt: 499_000 };
    const long = [evacuation(1, { createdAt: NOW - DEFAULT_POLICY.timing.lostRequestMs })];
    const { draft, last } = look({ trail, evacuations: long, diedAt: null, followedAt: 499_000 });
    expect(last).toEqual({ kind: 'given-up' });
    // It asks for nothing any more: that does not change.
    expect([draft.trails.size, draft.looks.size]).toEqual([0, 0]);
    const early = look({ trail, evacuations: long, diedAt: null, followedAt: 498_999 });
    expect(early.last).toMatchObject({
      kind: 'waiting',
      reason: expect.stringMatching(/given it up with an/),
    });
    expect(early.draft.looks.get(SOURCE)).toMatchObject({ evacuations: true, listing: false });
    // Also where a host that was chosen long ago has died since.
    expect(why({ trail })).toBe('given-up');
    expect(why({ trail: { sent: false } })).toMatch(/has not sent it/);
  });

  it('... but not what Nova has taken for a later request since: that one has a word of its own', () => {
    const trail = { sent: false, gaveUp: true, toldAt: 499_000 };
    const asked = evacuation(1);
    const evacuations = [asked, evacuation(2, { status: 'error' })];
    // A person has closed the record of the later one.
    expect(abandoned(evacuations, [{ id: 1, claimed: false }]).has(1)).toBe(false);
    const { found } = look({ evacuations, lost: [1], trail, asked });
    expect(found.get(1)).toMatchObject({ kind: 'waiting', reason: expect.stringMatching(/has not sent it/) });
  });

  it('nothing is lost that a nova-compute holds which has come since, however late it claims', () => {
    const at = (receivedAt: number) => why({ trail: { receivedAt, receivedBy: ELSEWHERE } });
    expect(at(SENT + 9_999)).toBe('lost');
    expect(at(SENT + 30_000)).toMatch(/received by the nova-compute of compute-2; waiting for its claim$/);
    // Of a Nova that does not say who it was.
    expect(why({ trail: { receivedAt: SENT + 30_000 } })).toMatch(/waiting for its claim$/);
  });

  it('what the trail shows was looked at after the host had been back for long enough', () => {
    const since = (ms: number) => why({ upMs: 40_000, trail: { seenAt: 500_000 - 40_000 + ms } });
    expect(since(DEFAULT_POLICY.timing.queueDrainMs)).toBe('lost');
    expect(since(DEFAULT_POLICY.timing.queueDrainMs - 1)).toMatch(/which died/);
  });
});
