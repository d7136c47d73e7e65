import { expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import { shortId } from './instance.ts';
import { hostName, serverId } from './names.ts';
import { known, type ServerView } from './observation.ts';
import { ownsRecord } from './ownership.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { EvacuationRecord } from './records.ts';
import { A_CLUSTER, aHostView, aNode, anObservation, aRecord, aServer, aService } from './testing.ts';

const STOPPED = serverId('22222222-0000-4000-8000-000000000000');

/** The record that is written for incident i2 of a host with one server that is stopped, after what stands there. */
function written(
  record: EvacuationRecord | null,
  others: readonly EvacuationRecord[] = [],
  server = aServer({ id: STOPPED, vmState: 'stopped' }),
): EvacuationRecord | null {
  const cluster = known({
    ...A_CLUSTER,
    nodes: [record, ...others].map((evacuation, i) => aNode(`compute-${i + 1}`, null, { evacuation })),
  });
  const owner = 'controller-2:1';
  const observation = anObservation({ owner, mono: 60_000, servicesAt: 60_000, cluster });
  const draft = newDraft(observation, DEFAULT_POLICY);
  const owned = ownsRecord(draft, {
    node: aNode('compute-1', 'i2', { evacuation: record }),
    incident: { id: 'i2', at: 0, by: 'fencer', on: 'controller-1' },
    record,
    fencedAt: 0,
    service: aService('compute-1', { status: 'disabled', disabledReason: 'reserved' }),
    view: aHostView({
      incident: 'i2',
      followedAt: 60_000,
      servers: [server],
    }),
  });
  expect(owned).toBe(false);
  const [command] = draft.commands;
  return command?.kind === 'write-evacuation' ? command.record : null;
}

it('says which instances were stopped when the incident began, of each incident', () => {
  const held = { clean: true, stopped: ['33333333'] };
  expect(written(aRecord({ ...held, incident: 'i1' }))?.stopped).toEqual(['33333333', shortId(STOPPED)]);
  expect(written(aRecord({ ...held, incident: 'i2' }))?.stopped).toEqual(['33333333']);
});

it('says which of them Nova has started on its way from a host that died before', () => {
  const others = [aRecord({ stoppedInError: [shortId(STOPPED)] })];
  const runs = aServer({ id: STOPPED, vmState: 'active' });
  expect(written(null, others, runs)?.stoppedInError).toEqual([shortId(STOPPED)]);
  expect(written(null, [], runs)?.stoppedInError).toEqual([]);
});

it('keeps which of them Nova has started in vain, while they are left there, and not those that came up there', () => {
  const back = aRecord({ incident: 'i1', phase: 'returning', stoppedInError: [shortId(STOPPED)] });
  const at = (more: Partial<ServerView>) =>
    written(back, [], aServer({ id: STOPPED, vmState: 'active', ...more }))?.stoppedInError;
  expect(at({})).toEqual([shortId(STOPPED)]);
  expect(at({ vmState: 'stopped' })).toEqual([]);
  expect(at({ host: hostName('compute-2') })).toEqual([]);
});

it('takes over the claim on the host itself, enabled or not, and keeps what it has claimed for itself', () => {
  const claimOn = (name: string) => ({ host: hostName(name), reason: `reserved for ${name}`, aggregate: 7 });
  const others = [aRecord({ reserves: [claimOn('compute-9'), claimOn('compute-1')] })];
  expect(written(null, others)?.reserves).toEqual([claimOn('compute-1')]);
  const back = aRecord({ phase: 'returning', clean: true, reserves: [claimOn('compute-8')] });
  expect(written(back, others)?.reserves).toEqual([claimOn('compute-8'), claimOn('compute-1')]);
  const own = { ...back, reserves: [claimOn('compute-1')] };
  expect(written(own, others)?.reserves).toEqual([claimOn('compute-1')]);
  expect(written(null)?.reserves).toEqual([]);
});

it('has the services listed before it takes a record over, when nothing of the predecessor can come any more', () => {
  const quiet = DEFAULT_POLICY.timing.takeoverSettleMs;
  const record = aRecord({ incident: 'i2', owner: 'controller-1:1' });
  const looksAfter = (followedAt: number, servicesAt: number) => {
    const services = known([aService('compute-1')]);
    const observation = anObservation({ owner: 'controller-2:1', mono: quiet + 100, services, servicesAt });
    const draft = newDraft(observation, DEFAULT_POLICY);
    ownsRecord(draft, {
      ...{ node: aNode('compute-1', 'i2', { evacuation: record }), record, fencedAt: 0 },
      incident: { id: 'i2', at: 0, by: 'fencer', on: 'controller-1' },
      service: aService('compute-1'),
      view: aHostView({ incident: 'i2', firstLookAt: 0, followedAt }),
    });
    return { services: draft.services, commands: draft.commands.map(({ kind }) => kind) };
  };
  const looks = { services: true, commands: [] };
  expect(looksAfter(quiet - 1, quiet - 1)).toEqual(looks);
  expect(looksAfter(quiet, quiet - 1)).toEqual(looks);
  // That list may have been asked for before.
  expect(looksAfter(quiet - 1, quiet)).toEqual(looks);
  expect(looksAfter(quiet, quiet)).toEqual({ services: false, commands: ['write-evacuation'] });
});
