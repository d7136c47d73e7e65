import { INCIDENT_ATTRIBUTE } from '../core/records.ts';
import { DEFAULT_IMAGE, type InstanceSpec, uuidOf, type WorldSpec } from '../world/model.ts';

export interface LabOptions {
  readonly hosts: number;
  readonly instances: number;
  readonly spawnS: number;
  /** The shape of the compute chain, as `instance-ha configure` has them. */
  readonly shape?: 'minimal' | 'unfence';
}

export const DEFAULT_LAB: LabOptions = { hosts: 6, instances: 24, spawnS: 4 };
const CONTROLLERS = ['controller-1', 'controller-2', 'controller-3'];

/** A small cloud as people have it, with the times of a quick one: a story of a minute, not of ten. */
export function labSpec(
  { hosts, instances, spawnS, shape = 'minimal' }: LabOptions,
  epoch: number,
): WorldSpec {
  const computes = Array.from({ length: hosts }, (_, i) => `compute-${i + 1}`);
  const spawnMs = spawnS * 1000;
  return {
    epoch,
    controllers: CONTROLLERS,
    computes: computes.map((node) => ({ node, host: node, capacity: 1_000, bootMs: [9_000, 12_000] })),
    instances: Array.from({ length: instances }, (_, i) => instanceOf(i, computes)),
    cluster: {
      detectMs: [2_000, 4_000],
      tokenMs: [1_000, 2_000],
      bmcMs: [300, 900],
      reconnectMs: [500, 2_000],
      recheckMs: 60_000,
      fencingAttempts: 10,
      holdRule: INCIDENT_ATTRIBUTE,
      holdAgent: shape === 'minimal',
      unfencing: shape === 'unfence',
      unit: shape === 'unfence',
      powerFirst: true,
      novaStartMs: [1_000, 2_000],
      controllerBootMs: [8_000, 12_000],
    },
    nova: {
      release: 'zed',
      maxMicroversion: '2.93',
      maxLimit: 1_000,
      downTimeMs: 60_000,
      reportMs: 5_000,
      conductorMs: [50, 300],
      claimMs: [100, 500],
      spawnMs: [0.7 * spawnMs, 1.3 * spawnMs],
      finishMs: [300, 800],
      periodicMs: 10_000,
      skewMs: 0,
      groups: [],
      aggregates: [],
      flavors: [{ id: 'f1', name: 'm1.small', extraSpecs: {} }],
      images: [DEFAULT_IMAGE],
    },
    tokenLifeMs: 3_600_000,
  };
}

/** Most are running, some are stopped: they have to be stopped afterwards too. */
function instanceOf(index: number, computes: readonly string[]): InstanceSpec {
  return {
    id: uuidOf(0x50, index + 1),
    name: `vm-${String(index + 1).padStart(3, '0')}`,
    // The first host, which is the one that dies in the story, has half of them.
    host: computes[index % 2 === 0 ? 0 : 1 + (((index - 1) / 2) % (computes.length - 1))] ?? null,
    vmState: index % 11 === 5 ? 'stopped' : 'active',
    taskState: null,
    locked: false,
    storage: index % 3 === 0 ? 'volume' : 'shared',
    group: null,
    projectId: 'project-1',
    flavor: 'm1.small',
    metadata: {},
    tags: [],
  };
}
