import { expect, it } from 'vitest';
import { decideReserve, type Reserve } from './destinations.ts';
import { type Draft, newDraft } from './draft.ts';
import type { HostName } from './names.ts';
import { known, type Observation, type ServiceView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { EvacuationRecord } from './records.ts';
import { aNode, anObservation, aRecord, aService, fact, someFacts } from './testing.ts';

const NAMES = ['compute-1', 'compute-2', 'compute-3'];
const RECORD = aRecord({ incident: 'i-1' });

interface Site {
  /** Zones of the hosts. */
  readonly zones: readonly string[];
  /** From the third host on. */
  readonly spare: Partial<ServiceView>;
  readonly names: readonly string[];
  readonly record: EvacuationRecord;
  readonly targetReserved: boolean;
}
const SPARE = { status: 'disabled', disabledReason: 'reserved' } as const;
const PLAIN: Site = { zones: [], spare: SPARE, names: NAMES, record: RECORD, targetReserved: false };

/** What is decided for the first host, of which two have died; the third is reserved. */
function decided(
  more: Partial<Observation>,
  { zones, spare, names, record, targetReserved }: Site = PLAIN,
): { readonly reserve: Reserve; readonly draft: Draft } {
  const nodes = names.map((name, i) => aNode(name, i < 2 ? `i-${i + 1}` : null));
  const cluster = {
    haveQuorum: true,
    nodes,
    pause: null,
    history: new Map(),
    levelsCorrected: new Map(),
  };
  const services = names.map((name, i) =>
    aService(name, { zone: zones[i] ?? 'nova', ...(i >= 2 ? spare : {}) }),
  );
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
      destinations: { reservedHosts: true, addToAggregate: false, targetReserved },
    },
  );
  const [node] = nodes;
  const [service] = services;
  if (node === undefined || service === undefined) throw new Error('no first host');
  const reserve = decideReserve(draft, { node, service, record, cluster, claimed: new Set() });
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

it.each([
  { zones: ['east', 'east', 'east'], target: 'compute-3' },
  { zones: ['east', 'east', 'west'], target: null },
])('a reserved host is named in the request where it is of the same zone: $zones', ({ zones, target }) => {
  const claim = { host: NAMES[2] ?? '', reason: 'reserved', aggregate: null };
  const record = aRecord({ incident: 'i-1', reserves: [claim as EvacuationRecord['reserves'][number]] });
  const { reserve } = decided({}, { ...PLAIN, zones, spare: {}, record, targetReserved: true });
  expect(reserve).toMatchObject({ kind: 'ready', target });
});

it('a reserved host of the zone goes before one that shares an aggregate across zones', () => {
  const across = {
    id: 7,
    name: 'fast-disks',
    availabilityZone: null,
    hosts: ['compute-1', 'compute-3'] as HostName[],
    metadata: {},
  };
  const { draft } = decided(
    { facts: someFacts({ aggregates: fact([across]) }) },
    { ...PLAIN, names: [...NAMES, 'compute-4'], zones: ['east', 'east', 'west', 'east'] },
  );
  expect(draft.commands).toMatchObject([{ record: { reserves: [{ host: 'compute-4' }] } }]);
});
