import { expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import { shortId } from './instance.ts';
import { serverId } from './names.ts';
import { ownsRecord } from './ownership.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { EvacuationRecord } from './records.ts';
import { aHostView, aNode, anObservation, aRecord, aServer, aService } from './testing.ts';

const STOPPED = serverId('22222222-0000-4000-8000-000000000000');

/** The record that is written for incident i2 of a host with one server that is stopped, after what stands there. */
function written(record: EvacuationRecord): EvacuationRecord | null {
  const draft = newDraft(anObservation({ owner: 'controller-2:1', mono: 60_000 }), DEFAULT_POLICY);
  const owned = ownsRecord(draft, {
    node: aNode('compute-1', 'i2', { evacuation: record }),
    incident: { id: 'i2', at: 0, by: 'fencer', on: 'controller-1' },
    record,
    fencedAt: 0,
    service: aService('compute-1'),
    view: aHostView({
      incident: 'i2',
      followedAt: 60_000,
      servers: [aServer({ id: STOPPED, vmState: 'stopped' })],
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
