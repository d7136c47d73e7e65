import { expect, it } from 'vitest';
import { decide } from './decide.ts';
import { known } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { parseEvacuation } from './records.ts';
import { aHostView, aNode, anObservation, aServer, aService, SOURCE } from './testing.ts';

it('tells Nova that a host is down only by a fresh look at its service: an operator may have changed it', () => {
  const evacuation = parseEvacuation(
    'v=1,incident=i,phase=evacuating,fenced=1970-01-01T00:00:01Z,since=1970-01-01T00:00:01Z,status=enabled,owner=controller-1:1',
  );
  const at = (servicesAt: number) =>
    decide(
      anObservation({
        now: 100_000,
        mono: 50_000,
        novaNow: 100_000,
        cluster: known({
          haveQuorum: true,
          nodes: [aNode('compute-1', 'i', { evacuation })],
          pause: null,
          history: new Map(),
          levelsCorrected: new Map(),
        }),
        services: known([
          aService('compute-1', { state: 'down' }),
          aService('compute-2', { updatedAt: 99_000 }),
        ]),
        servicesAt,
        hosts: new Map([[SOURCE, aHostView({ incident: 'i', servers: [aServer()], novaNow: 100_000 })]]),
      }),
      DEFAULT_POLICY,
    );
  expect(at(49_000).commands.map(({ kind }) => kind)).toContain('force-down');
  const stale = at(30_000);
  expect(stale.commands.map(({ kind }) => kind)).not.toContain('force-down');
  expect(stale.look.services).toBe(true);
});
