import { describe, expect, it } from 'vitest';
import { foresee } from './foresee.ts';
import { hostName, nodeName, serverId } from './names.ts';
import type { CloudFacts, LiveMigrationView, ServerView } from './observation.ts';
import { DEFAULT_POLICY, type Policy } from './policy.ts';
import { aServer, fact, SOURCE, someFacts } from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const server = (name: string, more: Partial<ServerView> = {}): ServerView =>
  aServer({ id: serverId(name), name, ...more });

/** A live migration that was cut off after its switch-over. */
const aBrokenMove = ({ id }: ServerView): LiveMigrationView =>
  evacuation({ server: id, status: 'error', dest: hostName('compute-2') });

function foreseen(
  servers: readonly ServerView[],
  policy: Partial<Policy> = {},
  facts: CloudFacts = someFacts(),
) {
  const doomed = servers.map((each) => ({
    ...{ server: each, node: nodeName('compute-1'), host: SOURCE },
    brokenMove: each.name === 'torn' ? aBrokenMove(each) : null,
  }));
  return Object.fromEntries(foresee(doomed, facts, { ...DEFAULT_POLICY, ...policy }));
}

describe('what is foreseen', () => {
  it('leaves to a person whose guest may run elsewhere after a live migration that was cut off', () => {
    expect(foreseen([server('torn'), server('whole')])).toMatchObject({
      torn: { kind: 'cannot', reason: expect.stringContaining('its guest may run on compute-2') },
      whole: { kind: 'asked', place: 1 },
    });
  });

  it('is the order of the rules: by priority, and after the group that is named', () => {
    const found = foreseen([
      server('web', { metadata: { 'instance-ha:after': 'db' } }),
      server('db', { metadata: { 'instance-ha:group': 'db' } }),
      server('first', { metadata: { 'instance-ha:priority': '900' } }),
    ]);
    expect(found).toEqual({
      first: { kind: 'asked', turn: 1, place: 1, after: null, note: null },
      db: { kind: 'asked', turn: 1, place: 2, after: null, note: null },
      web: { kind: 'asked', turn: 2, place: 3, after: 'waiting for group db to arrive', note: null },
    });
  });

  it('says where dependencies go in a circle, and for whom nobody waits', () => {
    const of = (group: string, after: string) => ({
      metadata: { 'instance-ha:group': group, 'instance-ha:after': after },
    });
    const found = foreseen([
      server('a', of('a', 'b')),
      server('b', of('b', 'a')),
      server('db', { vmState: 'paused', metadata: { 'instance-ha:group': 'db' } }),
      server('web', { metadata: { 'instance-ha:after': 'db' } }),
    ]);
    expect(found).toMatchObject({
      b: { kind: 'asked', turn: 1, note: expect.stringContaining('circle (a after b after a)') },
      a: { kind: 'asked', turn: 2, note: null },
      web: { kind: 'asked', turn: 1, note: expect.stringContaining('without db of group db') },
    });
  });

  it('has the members of a server group one after another', () => {
    const groups = fact([
      { id: 'g', policy: 'anti-affinity' as const, members: ['a', 'b', 'c'].map(serverId) },
    ]);
    const found = foreseen(
      ['a', 'b', 'c'].map((name) => server(name)),
      {},
      someFacts({ serverGroups: groups }),
    );
    expect(Object.values(found).map((each) => each.kind === 'asked' && each.turn)).toEqual([1, 2, 3]);
  });

  it('leaves those of a server group with the policy affinity where all of it dies with them', () => {
    const affinity = (...members: string[]) => ({
      serverGroups: fact([{ id: 'g', policy: 'affinity' as const, members: members.map(serverId) }]),
    });
    const all = foreseen([server('a'), server('b')], {}, someFacts(affinity('a', 'b')));
    expect(Object.values(all).map(({ kind }) => kind)).toEqual(['cannot', 'cannot']);
    // One of it is elsewhere.
    const some = foreseen([server('a'), server('b')], {}, someFacts(affinity('a', 'b', 'c')));
    expect(Object.values(some).map(({ kind }) => kind)).toEqual(['asked', 'asked']);
  });

  it('names what Nova can not evacuate, what is not selected, and what a person is asked about', () => {
    const storage = { ...DEFAULT_POLICY.storage, shared: false, localDisk: 'ask' as const };
    const found = foreseen(
      [
        server('paused', { vmState: 'paused' }),
        server('out', { metadata: { 'instance-ha:evacuate': 'no' } }),
        server('local'),
        server('volume', { imageId: null }),
      ],
      { storage },
    );
    expect(found).toMatchObject({
      paused: { kind: 'cannot' },
      out: { kind: 'excluded' },
      local: { kind: 'held', reason: expect.stringContaining('local disk would be lost') },
      volume: { kind: 'asked', turn: 1, place: 1 },
    });
  });

  it('waits for ever for what is held itself', () => {
    const storage = { ...DEFAULT_POLICY.storage, shared: false, localDisk: 'ask' as const };
    const found = foreseen(
      [
        server('db', { metadata: { 'instance-ha:group': 'db' } }),
        server('web', { imageId: null, metadata: { 'instance-ha:after': 'db' } }),
      ],
      { storage },
    );
    expect(found.web).toEqual({ kind: 'held', reason: 'waiting for group db to arrive' });
  });
});
