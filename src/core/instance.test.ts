import { describe, expect, it } from 'vitest';
import { type InstanceFacts, judge, lacksServices, type Outcome, whyNotEvacuable } from './instance.ts';
import { serverId } from './names.ts';
import { type EvacuationView, known, type RequestView, type ServerView } from './observation.ts';
import { DEFAULT_POLICY as POLICY } from './policy.ts';
import { aServer, ELSEWHERE, SOURCE } from './testing.ts';

const ID = serverId('11111111-0000-4000-8000-000000000000');
const SINCE = 1_000_000;

const server = (more: Partial<ServerView> = {}): ServerView => aServer({ id: ID, ...more });

const evacuation = (status: string, more: Partial<EvacuationView> = {}): EvacuationView => ({
  id: 1,
  server: ID,
  source: SOURCE,
  dest: ELSEWHERE,
  status,
  createdAt: SINCE + 1_000,
  updatedAt: SINCE + 2_000,
  ...more,
});

const request = (state: RequestView['state'], more: Partial<RequestView> = {}): RequestView => ({
  state,
  sentAt: 49_000,
  at: 50_000,
  message: 'why',
  source: SOURCE,
  recordsBefore: 0,
  refusals: 0,
  failing: null,
  ...more,
});

const factsOf = (more: Partial<InstanceFacts>): InstanceFacts => ({
  server: server(),
  source: SOURCE,
  evacuations: [],
  since: SINCE,
  request: null,
  isEverybodysFailure: false,
  wasStopped: false,
  wasInError: false,
  stopSent: false,
  startUnheard: () => false,
  stopFailed: null,
  mono: 60_000,
  novaNow: SINCE + 60_000,
  quietUntil: 0,
  followedAt: 60_000,
  seenAt: 900_000,
  servicesAt: 900_000,
  isLost: () => false,
  wasOff: () => false,
  whyUnclaimed: () => null,
  isLeftBehind: () => false,
  placementAfter: () => true,
  liveMigration: known(null),
  brokenMoves: [],
  admit: () => ({ kind: 'admitted' }),
  ...more,
});
const outcome = (more: Partial<InstanceFacts> = {}): Outcome => judge(factsOf(more), POLICY);
const judged = (more?: Partial<InstanceFacts>): string => outcome(more).kind;

describe('an instance of a dead host', () => {
  it('is ready when it is active, stopped or in error and nothing of it is under way', () => {
    for (const vmState of ['active', 'stopped', 'error'])
      expect(judged({ server: server({ vmState }) })).toBe('ready');
  });

  it('is left where it is when it was told to start on its dead host: nova-compute would start it there as well', () => {
    const starting = server({ vmState: 'stopped', taskState: 'powering-on' });
    const left = outcome({ server: starting, wasStopped: true, mono: 900_000 });
    expect(left).toMatchObject({
      kind: 'cannot',
      reason: expect.stringContaining('rabbitmqctl delete_queue compute.compute-1'),
    });
    expect(judged({ server: { ...starting, taskState: null }, wasStopped: true })).toBe('ready');
    // A request of ours that may take effect yet is waited for all the same.
    expect(judged({ server: starting, request: request('pending') })).toBe('moving');
    expect(judged({ server: starting, request: request('unknown') })).toBe('unanswered');
  });

  it('that was evacuated though it had been told so holds its host, once it is known', () => {
    const moved = server({ host: ELSEWHERE, vmState: 'stopped' });
    const judgedBy = (unheard: boolean | null, wasStopped = true): Outcome =>
      outcome({
        ...{ server: moved, wasStopped, startUnheard: () => unheard },
        evacuations: [evacuation('done')],
      });
    expect(judgedBy(false)).toEqual({ kind: 'moved', to: ELSEWHERE });
    expect(judgedBy(null)).toMatchObject({ kind: 'verifying', reason: expect.stringMatching(/^looking/) });
    const held = judgedBy(true);
    expect(held).toMatchObject({ kind: 'verifying' });
    for (const word of ['compute.compute-1', 'let the node go by hand'])
      expect(held).toMatchObject({ reason: expect.stringContaining(word) });
    // What ran can't be started.
    expect(judgedBy(null, false)).toEqual({ kind: 'moved', to: ELSEWHERE });
  });

  it('whose guest may have been left elsewhere is not to be started at home either', () => {
    const left = (unheard: boolean): Outcome =>
      outcome({
        server: server({ vmState: 'error', fault: 'MessagingTimeout' }),
        evacuations: [evacuation('failed')],
        wasStopped: true,
        startUnheard: () => unheard,
      });
    expect(left(false)).toMatchObject({ kind: 'failed' });
    expect(left(true)).toMatchObject({ kind: 'verifying', reason: expect.stringContaining('may run on') });
  });

  it('is named, not asked for, in any other state', () => {
    for (const vmState of [
      'paused',
      'suspended',
      'rescued',
      'resized',
      'building',
      'shelved',
      'something new',
    ]) {
      expect(judged({ server: server({ vmState }) })).toBe('cannot');
      expect(whyNotEvacuable(vmState)).not.toBeNull();
    }
  });

  it('is not said to go elsewhere when it is unshelved: only what is offloaded is scheduled anew', () => {
    expect(whyNotEvacuable('shelved')).toMatch(/unshelve it on this host alone/);
  });

  it('is never asked for while an evacuation of it may be live, an unknown status included', () => {
    for (const status of ['accepted', 'pre-migrating', 'a status of tomorrow']) {
      expect(judged({ evacuations: [evacuation(status)] })).toBe('moving');
      // One that somebody began long before the incident is as live as ours.
      expect(judged({ evacuations: [evacuation(status, { createdAt: 0, updatedAt: 0 })] })).toBe('moving');
    }
  });

  it('is asked for again when the destination died under it', () => {
    const late = { evacuations: [evacuation('pre-migrating')], isLost: () => true };
    expect(judged({ ...late, novaNow: SINCE + 3_000 })).toBe('waiting');
    expect(judged(late)).toBe('ready');
  });

  it('is not asked for while the record that Nova took instead of the request’s own says done', () => {
    const evacuations = [evacuation('done', { id: 1 }), evacuation('accepted', { id: 2, dest: null })];
    expect(judged({ evacuations, isLost: ({ id }) => id === 2 })).toBe('verifying');
    // ... and after an operator has closed the one that was left behind.
    const asked = { id: 2, dest: null, createdAt: SINCE + 1_500, updatedAt: SINCE + 3_000 };
    expect(judged({ evacuations: [evacuation('done'), evacuation('error', asked)] })).toBe('verifying');
    // A success from before the request says nothing of it.
    const later = { ...asked, createdAt: SINCE + 2_500 };
    expect(judged({ evacuations: [evacuation('done'), evacuation('error', later)] })).toBe('ready');
  });

  it('is not waited for elsewhere while it is seen at home after its evacuation was called completed', () => {
    const completed = { evacuations: [evacuation('completed')] };
    expect(judged({ ...completed, seenAt: 10_000, followedAt: 20_000 })).toBe('verifying');
    expect(judged(completed)).toBe('ready');
    // It was under way when its host was back, and its guest may run where it was to go.
    const rebuilt = { ...completed, server: server({ taskState: 'rebuild_spawning' }) };
    expect(judged(rebuilt)).toBe('verifying');
    const late = { ...rebuilt, novaNow: SINCE + POLICY.timing.overtakenMs + 60_000 };
    expect(judged(late)).toBe('failed');
    expect(judged({ ...late, wasOff: () => true })).toBe('ready');
  });

  it('is not moved before it is seen on its new host', () => {
    expect(judged({ evacuations: [evacuation('done')] })).toBe('verifying');
    expect(
      judged({
        evacuations: [evacuation('done')],
        server: server({ host: ELSEWHERE, taskState: 'powering-off', taskSince: 55_000 }),
      }),
    ).toBe('verifying');
    // What its user does with it there may take long, and for ever if that host dies as well.
    const longAgo = { host: ELSEWHERE, taskState: 'powering-off', taskSince: 10_000 };
    expect(judged({ evacuations: [evacuation('done')], server: server(longAgo) })).toBe('moved');
    const inError = { ...longAgo, vmState: 'error' };
    expect(judged({ evacuations: [evacuation('done')], server: server(inError) })).toBe('failed');
    const toStop = { evacuations: [evacuation('done')], wasStopped: true, wasInError: true };
    expect(judged({ ...toStop, server: server(longAgo) })).toBe('verifying');
    expect(judged({ ...toStop, server: server({ host: ELSEWHERE }) })).toBe('restoring');
    expect(judged({ evacuations: [evacuation('done')], server: server({ host: ELSEWHERE }) })).toBe('moved');
    expect(
      judged({ evacuations: [evacuation('done')], server: server({ host: ELSEWHERE, vmState: 'error' }) }),
    ).toBe('failed');
  });

  it('is not moved before a list has shown the evacuation that was asked for, when a slow one may not', () => {
    const away = (state: RequestView['state'], more: Partial<InstanceFacts> = {}) =>
      judged({ request: request(state), server: server({ host: ELSEWHERE }), mono: 900_000, ...more });
    expect((['pending', 'accepted', 'unknown'] as const).map((state) => away(state))).toEqual(
      Array(3).fill('verifying'),
    );
    expect(away('unknown', { evacuations: [evacuation('done')] })).toBe('moved');
    // It has come there in another way.
    expect(away('unknown', { followedAt: 50_000 + POLICY.timing.requestSettleMs })).toBe('moved');
    expect(away('refused')).toBe('moved');
  });

  it('is moved 10 min after a success by an older record, whatever its own request has left behind', () => {
    const older = evacuation('done', { id: 1, createdAt: SINCE + 1_000, updatedAt: SINCE + 400_000 });
    const own = evacuation('accepted', { id: 2, createdAt: SINCE + 390_000, updatedAt: SINCE + 390_000 });
    const at = (novaNow: number, evacuations = [older, own]) =>
      judged({ evacuations, server: server({ host: ELSEWHERE }), novaNow });
    expect(at(SINCE + 390_000 + POLICY.timing.overtakenMs)).toBe('moved');
    expect(at(SINCE + 389_999 + POLICY.timing.overtakenMs)).toBe('moving');
    const before = { ...older, updatedAt: SINCE + 389_999 };
    expect(at(SINCE + 9_000_000, [before, own])).toBe('moving');
  });

  it('is tried again after a failure, later each time, and given up after three', () => {
    const failed = (n: number) =>
      Array.from({ length: n }, (_, i) => evacuation('failed', { id: i, updatedAt: SINCE + 59_000 }));
    expect(judged({ evacuations: failed(1) })).toBe('waiting');
    expect(judged({ evacuations: failed(1), novaNow: SINCE + 64_000 })).toBe('ready');
    expect(judged({ evacuations: failed(2), novaNow: SINCE + 64_000 })).toBe('waiting');
    expect(judged({ evacuations: failed(2), novaNow: SINCE + 69_000 })).toBe('ready');
    expect(judged({ evacuations: failed(3) })).toBe('failed');
  });

  it('is not asked for once more while a guest of it may run where Nova gave it up', () => {
    const fault = `Conflict updating instance ${ID}. Expected: {'task_state': ['rebuild_spawning']}. Actual: {'task_state': None}`;
    const left = { server: server({ vmState: 'error', fault }), evacuations: [evacuation('failed')] };
    expect(judged(left)).toBe('failed');
    // An earlier incident's as well.
    expect(judged({ ...left, since: SINCE + 30_000 })).toBe('failed');
    expect(judged({ ...left, wasOff: () => true })).toBe('ready');
  });

  it('does not count the failures of an earlier incident', () => {
    const before = { createdAt: SINCE - 10_000, updatedAt: SINCE - 5_000 };
    const old = [1, 2, 3].map((id) => evacuation('failed', { id, ...before }));
    expect(judged({ evacuations: old })).toBe('ready');
    const completed = evacuation('completed', { ...before, updatedAt: SINCE + 60_000 });
    expect(judged({ evacuations: [completed] })).toBe('ready');
  });

  it('counts what somebody had begun by hand before the record, and has ended since', () => {
    const byHand = { createdAt: SINCE - 10_000, updatedAt: SINCE + 60_000 };
    expect(judged({ evacuations: [evacuation('done', byHand)] })).toBe('verifying');
    expect(judged({ evacuations: [evacuation('failed', byHand)], novaNow: SINCE + 61_000 })).toBe('waiting');
    expect(judged({ evacuations: [evacuation('done', { ...byHand, updatedAt: SINCE })] })).toBe('ready');
  });

  it('is not asked for again while an answer is missing that may still come true', () => {
    expect(judged({ request: request('pending') })).toBe('moving');
    expect(judged({ request: request('accepted') })).toBe('moving');
    expect(judged({ request: request('unknown') })).toBe('unanswered');
    // Time alone settles nothing: it takes a look after that time.
    expect(judged({ request: request('unknown'), mono: 900_000, followedAt: 60_000 })).toBe('unanswered');
    expect(
      judged({
        request: request('unknown'),
        mono: 900_000,
        followedAt: 50_000 + POLICY.timing.requestSettleMs,
      }),
    ).toBe('ready');
  });

  it('... also when an evacuation that somebody may have begun by hand meanwhile has failed', () => {
    const failed = { evacuations: [evacuation('failed')], novaNow: SINCE + 900_000, mono: 900_000 };
    const followedAt = 50_000 + POLICY.timing.requestSettleMs;
    expect(judged({ ...failed, request: request('unknown'), followedAt: followedAt - 1 })).toBe('unanswered');
    expect(judged({ ...failed, request: request('unknown'), followedAt })).toBe('ready');
    expect(judged({ ...failed, request: request('accepted'), followedAt: followedAt - 1 })).toBe('ready');
  });

  it('is seen itself before it is asked for again: its fault may say that a guest was left', () => {
    const failed = { evacuations: [evacuation('failed')], novaNow: SINCE + 900_000, mono: 900_000 };
    expect(judge(factsOf({ ...failed, seenAt: 59_999 }), POLICY)).toMatchObject({
      kind: 'waiting',
      needs: 'look',
    });
    // Nova took a record that had been lost for the request of the next, whose own stays behind.
    const leftBehind = evacuation('accepted', { id: 9, dest: null });
    const evacuations = [evacuation('failed'), leftBehind];
    expect(judged({ ...failed, evacuations, isLost: ({ id }) => id === 9, seenAt: 59_999 })).toBe('waiting');
    expect(judged({ ...failed, seenAt: 60_000 })).toBe('ready');
    // By nova-conductor, before any guest was begun.
    expect(judged({ ...failed, evacuations: [evacuation('error')], seenAt: 59_999 })).toBe('ready');
  });

  it('may arrive yet where its host was back in the middle of the evacuation', () => {
    const completed = { ...evacuation('completed'), createdAt: SINCE - 60_000, updatedAt: SINCE - 30_000 };
    const facts = (more: Partial<ServerView>, mono = 900_000, novaNow = SINCE) =>
      judge(factsOf({ server: server(more), evacuations: [completed], mono, novaNow }), POLICY);
    expect(facts({ taskState: 'rebuild_spawning' })).toMatchObject({ kind: 'verifying' });
    const late = SINCE - 30_000 + POLICY.timing.overtakenMs;
    expect(facts({ taskState: 'rebuild_spawning' }, 900_000, late)).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('may run on compute-2'),
    });
    // Spawned, and its host not changed yet.
    const settledAt = 40_000 + POLICY.timing.taskSettleMs;
    expect(facts({ taskState: null, taskSince: 40_000 }, settledAt - 1)).toMatchObject({ kind: 'verifying' });
    expect(facts({ taskState: null, taskSince: 40_000 }, settledAt)).toEqual({ kind: 'ready' });
    // It has long been brought back from there.
    const daysLater = SINCE + 3 * 86_400_000;
    expect(facts({ taskState: null, taskSince: 40_000 }, 40_001, daysLater)).toEqual({ kind: 'ready' });
    // Its own request has no record yet, and is what it is being rebuilt by.
    const asked = { server: server({ taskState: 'rebuilding' }), evacuations: [completed] };
    expect(judged({ ...asked, request: { ...request('accepted'), recordsBefore: 1 } })).toBe('moving');
  });

  it('is asked for again only when a list of the services shows that its cell was there in the look', () => {
    const followedAt = 50_000 + POLICY.timing.requestSettleMs;
    const looked = { request: request('unknown'), mono: 900_000, followedAt };
    expect(judged({ ...looked, servicesAt: followedAt - 1 })).toBe('unanswered');
    expect(judged({ ...looked, servicesAt: followedAt })).toBe('ready');
    const lacks = (more: Partial<InstanceFacts>): boolean =>
      lacksServices(factsOf({ ...looked, servicesAt: followedAt - 1, ...more }), POLICY);
    expect(lacks({})).toBe(true);
    expect(lacks({ servicesAt: followedAt })).toBe(false);
    expect(lacks({ followedAt: followedAt - 1, servicesAt: 0 })).toBe(false);
    expect(lacks({ request: request('refused') })).toBe(false);
    expect(lacks({ evacuations: [evacuation('accepted')] })).toBe(false);
  });

  it('is given up when Nova refuses it three times, not when Nova could not be reached', () => {
    expect(judged({ request: request('refused', { refusals: 1 }) })).toBe('ready');
    expect(judged({ request: request('refused', { refusals: 1, at: 59_000 }) })).toBe('waiting');
    expect(judged({ request: request('refused', { refusals: 3 }) })).toBe('failed');
    expect(judged({ request: request('unsent') })).toBe('ready');
    expect(judged({ request: request('unsent', { at: 59_500 }) })).toBe('waiting');
  });

  it('is given up when Nova fails at it for long, and each time it is seen that nothing has come of that', () => {
    const followedAt = 2_000_000 + POLICY.timing.requestSettleMs;
    const at = { at: 2_000_000, failing: { times: 9, since: 1_000_000 } };
    const facts = { request: request('unknown', at), mono: 2_100_000, followedAt, servicesAt: followedAt };
    expect(judged(facts)).toBe('failed');
    expect(judged({ ...facts, isEverybodysFailure: true })).toBe('waiting');
    expect(judged({ ...facts, followedAt: followedAt - 1 })).toBe('unanswered');
    expect(judged({ ...facts, evacuations: [evacuation('accepted')] })).toBe('moving');
    expect(judged({ ...facts, request: request('unknown', { ...at, failing: null }) })).toBe('ready');
  });

  it('waits for a predecessor’s requests, and for a task_state to turn out a leftover', () => {
    expect(judged({ quietUntil: 61_000 })).toBe('waiting');
    expect(outcome({ server: server({ taskState: 'powering-off', taskSince: 55_000 }) })).toMatchObject({
      kind: 'waiting',
      reason: expect.stringContaining('task_state is powering-off'),
    });
    expect(judged({ server: server({ taskState: 'powering-off', taskSince: 10_000 }) })).toBe('ready');
  });

  it('with a task_state that this Nova does not evacuate is given up with the way out', () => {
    const refused = (taskState: string | null): Outcome =>
      outcome({
        server: server({ taskState }),
        request: request('refused', { refusals: 3, message: 'Cannot evacuate while in task_state' }),
      });
    expect(refused('reboot_started')).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(
        /3 times: Cannot evacuate.*reboot_started.*openstack server set --state error/,
      ),
    });
    expect(refused(null)).toMatchObject({ kind: 'failed', reason: expect.not.stringContaining('--state') });
  });

  it('is stopped again when it was stopped and a failed attempt has made Nova forget it, once', () => {
    const arrived = {
      server: server({ host: ELSEWHERE }),
      evacuations: [evacuation('failed', { id: 1 }), evacuation('done', { id: 2 })],
      wasStopped: true,
    };
    expect(judged(arrived)).toBe('restoring');
    expect(judged({ ...arrived, stopSent: true })).toBe('moved');
    expect(judged({ ...arrived, wasStopped: false })).toBe('moved');
  });

  it('is gone when somebody deletes it', () => {
    expect(judged({ server: server({ deleted: true }) })).toBe('gone');
    expect(judged({ server: server({ taskState: 'deleting' }) })).toBe('gone');
    expect(judged({ server: server({ host: null, vmState: 'shelved_offloaded' }) })).toBe('gone');
  });

  it('that was being unshelved is not gone: it comes back with its host, in ERROR', () => {
    const offloaded = (taskState: string | null) => server({ vmState: 'shelved_offloaded', taskState });
    expect(outcome({ server: offloaded('spawning') })).toMatchObject({
      kind: 'cannot',
      reason: expect.stringMatching(
        /being unshelved here \(spawning\).*sets it to ERROR when its host is back/,
      ),
    });
    expect(outcome({ server: offloaded(null) })).toMatchObject({
      kind: 'gone',
      reason: expect.stringContaining('nothing of it is here'),
    });
    expect(outcome({ server: offloaded('deleting') })).toMatchObject({ kind: 'gone' });
  });

  it('that is not selected is named, but only when nothing of it is under way', () => {
    const excluded: Partial<InstanceFacts> = { admit: () => ({ kind: 'excluded', reason: 'opted out' }) };
    expect(judged(excluded)).toBe('excluded');
    expect(judged({ ...excluded, server: server({ vmState: 'paused' }) })).toBe('cannot');
    expect(judged({ ...excluded, evacuations: [evacuation('accepted')] })).toBe('moving');
    expect(judged({ ...excluded, request: request('accepted') })).toBe('moving');
    expect(judged({ admit: () => ({ kind: 'held', reason: 'Glance does not answer' }) })).toBe('waiting');
  });
});

describe('an instance whose evacuation has ended in error', () => {
  const failed = (id: number, ageMs: number) => ({
    ...evacuation('error', { id }),
    ...{ createdAt: SINCE + 60_000 - ageMs - 500, updatedAt: SINCE + 60_000 - ageMs },
  });
  const three = [failed(1, 30_000), failed(2, 20_000), failed(3, 2_000)];
  const judgedBy = (...answers: readonly (boolean | null)[]): Outcome =>
    outcome({
      server: server({ vmState: 'error' }),
      evacuations: three.slice(0, answers.length),
      placementAfter: ({ id }) => answers[id - 1] ?? null,
    });

  it('is given up after as many attempts as may be, without those for which Placement was not there', () => {
    const open = three.map((each) => ({ ...each, status: 'accepted' }));
    const left = { evacuations: open, isLost: () => true, server: server({ taskState: 'rebuilding' }) };
    expect(outcome(left)).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(
        /^3 evacuations failed, the last of which Nova has left as accepted, .* as rebuilding: evacuate it by hand/,
      ),
    });
    expect(judgedBy(true, true, true)).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/^3 evacuations failed/),
    });
    expect(judgedBy(true, false, true)).toMatchObject({
      kind: 'waiting',
      reason: expect.stringMatching(/^attempt 2 of 3 failed.*; again after 20 s$/),
    });
    expect(judgedBy(false, false, false)).toMatchObject({
      kind: 'waiting',
      reason: 'Placement did not answer in its last attempt, which does not count; again after 20 s',
    });
    expect(judgedBy(false).kind).toBe('ready');
  });

  it('waits for Placement to be asked', () => {
    expect(judgedBy(true, true, null)).toEqual({
      kind: 'waiting',
      reason: 'an evacuation has ended in error; asking whether Placement answers',
      needs: 'placement',
    });
  });
});
