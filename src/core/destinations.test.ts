import { expect, it } from 'vitest';
import { decideReserve, type Reserve } from './destinations.ts';
import { type Draft, newDraft } from './draft.ts';
import { known, type Observation } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { aNode, anObservation, aRecord, aService, fact, someFacts } from './testing.ts';

const NAMES = ['compute-1', 'compute-2', 'compute-3'];
const RECORD = aRecord({ incident: 'i-1' });

/** What is decided for the first host, of which two have died; the third is reserved. */
function decided(more: Partial<Observation>): { readonly reserve: Reserve; readonly draft: Draft } {
  const nodes = NAMES.map((name, i) => aNode(name, i < 2 ? `i-${i + 1}` : null));
  const cluster = {
    haveQuorum: true,
    nodes,
    pause: null,
    history: new Map(),
    levelsCorrected: new Map(),
  };
  const spare = { status: 'disabled', disabledReason: 'reserved' } as const;
  const services = NAMES.map((name, i) => aService(name, i === 2 ? spare : {}));
  const draft = newDraft(
    anObservation({
      cluster: known(cluster),
      services: known(services),
      servicesAt: 0,
      facts: someFacts({ aggregates: fact([]) }),
      ...more,
    }),
    {
      ...DEFAULT_POLICY,
      destinations: { reservedHosts: true, addToAggregate: false, targetReserved: false },
    },
  );
  const [node] = nodes;
  const [service] = services;
  if (node === undefined || service === undefined) throw new Error('no first host');
  const reserve = decideReserve(draft, { node, service, record: RECORD, cluster, claimed: new Set() });
  return { reserve, draft };
}

it('a reserved host is not claimed while another record is written: it may have the claim of another host', () => {
  const command = { state: 'pending', at: 0, failures: 0, message: '' } as const;
  const held = decided({ commands: new Map([['write-evacuation:compute-2', command]]) });
  expect(held.reserve.kind).toBe('preparing');
  expect(held.draft.commands).toEqual([]);
  const free = decided({});
  expect(free.draft.commands).toMatchObject([{ record: { reserves: [{ host: 'compute-3' }] } }]);
});
