import { describe, expect, it } from 'vitest';
import { hostName, nodeName, serverId } from '../core/names.ts';
import { known, type NodeView, type ServiceView, unknown } from '../core/observation.ts';
import { buildView, type Extras, inventoryRows, type Past, type Seen } from './build.ts';
import type { HostRow, IncidentRow, View } from './model.ts';

const IDENTITY = { epoch: 'e', node: 'controller-1', version: '0', since: 0 };
const NO_EXTRAS: Extras = { inventory: unknown('not listed'), inventoryAt: null, fencing: known([]) };

const node = (name: string, more: Partial<NodeView> = {}): NodeView =>
  ({
    name: nodeName(name),
    kind: 'remote',
    online: true,
    incident: null,
    evacuation: null,
    holdToken: null,
    holdAnswer: null,
    ...more,
  }) as NodeView;
const service = (name: string, more: Partial<ServiceView> = {}): ServiceView =>
  ({
    id: name,
    host: hostName(name),
    state: 'up',
    status: 'enabled',
    forcedDown: false,
    disabledReason: null,
    ...more,
  }) as ServiceView;

const NO_PAST: Past = { incidents: new Map(), lines: new Map() };

function view(
  seen: Partial<Seen['observation']>,
  more: Partial<Seen> = {},
  extras = NO_EXTRAS,
  past = NO_PAST,
): View {
  const observation = {
    now: 0,
    owner: 'e',
    cluster: unknown('?'),
    services: unknown('?'),
    domain: null,
    ...seen,
  };
  return buildView(
    IDENTITY,
    { observation, verdicts: [], gates: [], cloudTrouble: null, ...more },
    extras,
    past,
  );
}
const cluster = (...nodes: NodeView[]): Seen['observation']['cluster'] =>
  known({ haveQuorum: true, nodes, history: new Map() } as never);
const host = (shown: View, name: string): HostRow | undefined => shown.hosts.get(name);

describe('what a host is shown as', () => {
  it('is what Pacemaker and Nova say together', () => {
    const shown = view({
      cluster: cluster(
        node('good'),
        node('off'),
        node('silent'),
        node('dead', { online: false }),
        node('waits', { holdToken: 'boot-0001' }),
        node('elsewhere'),
        node('controller', { kind: 'cluster' }),
      ),
      services: known([
        service('good'),
        service('off', { status: 'disabled' }),
        service('silent', { state: 'down' }),
        service('dead'),
        service('waits'),
        service('alone'),
      ]),
    });
    expect(Object.fromEntries([...shown.hosts].map(([name, { state }]) => [name, state]))).toEqual({
      good: 'up',
      off: 'disabled',
      silent: 'down',
      dead: 'down',
      waits: 'held',
      elsewhere: 'unprotected',
      alone: 'unprotected',
    });
    expect(shown.overview.controllers.map(({ name }) => name)).toEqual(['controller']);
  });

  it('is not up while nobody can say so', () => {
    const nodes = cluster(node('a'), node('b', { online: null }));
    expect(host(view({ cluster: nodes }), 'a')?.state).toBe('unknown');
    expect(host(view({ cluster: nodes, services: known([service('b')]) }), 'b')?.state).toBe('unknown');
    // Without the cluster nobody knows which hosts are protected.
    expect(view({ services: known([service('a')]) }).hosts.size).toBe(0);
    expect(host(view({ cluster: nodes }), 'a')?.instances).toBeNull();
  });

  it('pairs short names with domains as the rules do', () => {
    const shown = view({
      cluster: cluster(node('a')),
      services: known([service('a.example')]),
      domain: 'example',
    });
    expect([...shown.hosts.keys()]).toEqual(['a']);
    expect(host(shown, 'a')).toMatchObject({ state: 'up', host: 'a.example' });
  });
});

describe('instances', () => {
  it('are counted where they are now: a verdict is newer than the list', () => {
    const move = { disk: 'kept', differences: [], attempts: 1, text: '' } as const;
    const list = ['s1', 's2', 's3'].map((id) => ({ id: serverId(id), name: id, host: hostName('a') }));
    const shown = view(
      { cluster: cluster(node('a'), node('b')), services: known([service('a'), service('b')]) },
      {
        verdicts: [
          {
            node: nodeName('a'),
            host: hostName('a'),
            incident: 'i',
            phase: 'evacuating',
            text: '',
            instances: [
              { ...move, id: serverId('s1'), name: 's1', outcome: 'moved', to: hostName('b') },
              { ...move, id: serverId('s2'), name: 's2', outcome: 'moving', to: hostName('b') },
              { ...move, id: serverId('s3'), name: 's3', outcome: 'gone', to: null },
            ],
          },
        ],
      },
      { ...NO_EXTRAS, inventory: known(inventoryRows(list)) },
    );
    expect(host(shown, 'a')).toMatchObject({
      instances: 1,
      progress: { total: 3, moved: 1, moving: 1, left: 1 },
    });
    expect(host(shown, 'b')?.instances).toBe(1);
    expect(shown.instances.get('s3')?.host).toBeNull();
  });
});

describe('an incident', () => {
  it('keeps after the release what its own attribute said: that has gone', () => {
    const before: IncidentRow = {
      ...{ node: nodeName('a'), host: hostName('a'), phase: 'evacuating', text: '', by: 'fencer' },
      ...{
        recordedAt: 1_000,
        fencedAt: 2_000,
        begunAt: 2_000,
        releasedAt: null,
        endedAt: null,
        progress: null,
      },
    };
    const evacuation = {
      incident: 'i',
      phase: 'returning',
      since: 2_000,
      fencedAt: 2_000,
      releasedAt: 9_000,
    };
    const shown = view({ cluster: cluster(node('a', { evacuation } as never)) }, {}, NO_EXTRAS, {
      ...NO_PAST,
      incidents: new Map([['i', before]]),
    });
    expect(shown.incidents.get('i')).toMatchObject({
      phase: 'returning',
      by: 'fencer',
      recordedAt: 1_000,
      releasedAt: 9_000,
    });
  });
});
