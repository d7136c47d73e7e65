/** What the tests of the rules build on: observations with nothing special about them. */
import { imagesToFind } from './facts.ts';
import { hostName, nodeName, serverId } from './names.ts';
import {
  type CloudFacts,
  type ClusterView,
  type Fact,
  type HostView,
  known,
  type NodeView,
  type Observation,
  type ServerView,
  type ServiceTrace,
  type ServiceView,
  unknown,
} from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { EvacuationRecord } from './records.ts';

export const SOURCE = hostName('compute-1');
export const ELSEWHERE = hostName('compute-2');

/** A server as Nova shows it when nobody has asked for anything. */
export function aServer(more: Partial<ServerView> = {}): ServerView {
  return {
    id: serverId('11111111-0000-4000-8000-000000000000'),
    name: 'vm',
    host: SOURCE,
    vmState: 'active',
    taskState: null,
    fault: null,
    deleted: false,
    createdAt: 0,
    projectId: 'project',
    flavor: { name: 'small', id: null, extraSpecs: known({}) },
    imageId: 'image',
    metadata: {},
    tags: unknown('not asked'),
    addresses: { fixed: [], floating: [] },
    volumes: [],
    locked: false,
    powerState: 1,
    availabilityZone: null,
    taskSince: 0,
    ...more,
  };
}

export function fact<T>(value: T): Fact<T> {
  return { value: known(value), mono: 0 };
}

/** A cloud where nobody has tagged or grouped anything. */
export function someFacts(more: Partial<CloudFacts> = {}): CloudFacts {
  return {
    aggregates: fact([]),
    serverGroups: fact([]),
    images: fact([]),
    imageQuery: imagesToFind(DEFAULT_POLICY),
    flavors: fact([]),
    controlServices: known(
      (['nova-scheduler', 'nova-conductor'] as const).map((binary) => ({
        binary,
        host: 'controller-1',
        state: 'up',
        status: 'enabled',
        forcedDown: false,
      })),
    ),
    microversion: known({ max: '2.93', used: '2.93' }),
    ...more,
  };
}

export function aService(name: string, more: Partial<ServiceView> = {}): ServiceView {
  return {
    id: `svc-${name}`,
    host: hostName(name),
    state: 'up',
    status: 'enabled',
    zone: 'nova',
    disabledReason: null,
    forcedDown: false,
    updatedAt: 0,
    ...more,
  };
}

/** A node, with an incident of this id or without one. */
export function aNode(name: string, incident: string | null, more: Partial<NodeView> = {}): NodeView {
  return {
    name: nodeName(name),
    kind: 'remote',
    online: incident === null,
    fenced: null,
    incident: incident === null ? null : { id: incident, at: 0, by: 'fencer', on: 'controller-1' },
    evacuation: null,
    past: null,
    localDiskAnswer: null,
    pause: null,
    novaCompute: null,
    mark: null,
    holdToken: null,
    holdAnswer: null,
    powerFencedFirst: true,
    ...more,
  };
}

/** What an evacuator sees that has not looked yet. */
export function anObservation(more: Partial<Observation> = {}): Observation {
  return {
    now: 0,
    mono: 0,
    begunAt: 0,
    owner: 'controller-1:1',
    ownerSince: 0,
    inherited: new Set(),
    cluster: unknown('not asked'),
    services: unknown('not asked'),
    servicesAt: -1,
    thawedAt: -1,
    servicesTookMs: 0,
    novaNow: 0,
    facts: someFacts(),
    hosts: new Map(),
    placement: { trouble: null, askedAt: -1, awaySince: -1, isAsking: false },
    trails: new Map(),
    starts: new Map(),
    whereabouts: new Map(),
    liveMigrations: new Map(),
    upSince: new Map(),
    requests: new Map(),
    unansweredChanges: new Map(),
    traces: new Map(),
    commands: new Map(),
    domain: null,
    ...more,
  };
}

/** A compute service to which this process has done nothing. */
export function aTrace(more: Partial<ServiceTrace> = {}): ServiceTrace {
  const never = Number.NEGATIVE_INFINITY;
  return {
    forceDownAt: never,
    openForceDownAt: never,
    notForcedAt: never,
    enableSentAt: never,
    enableAt: never,
    disableAt: never,
    disabledSince: null,
    markedAt: never,
    ...more,
  };
}

/** A host that has been looked at, with nothing on it. */
export function aHostView(more: Partial<HostView> = {}): HostView {
  return {
    host: SOURCE,
    incident: 'incident',
    evacuations: [],
    servers: [],
    before: new Map(),
    stoppedInError: new Map(),
    placementAfter: new Map(),
    brokenMoves: new Map(),
    ports: new Map(),
    trouble: null,
    troubleSince: null,
    lookedAt: 0,
    firstLookAt: 0,
    listedAt: 0,
    followedAt: 0,
    changedAt: 0,
    novaNow: 0,
    traits: unknown('not asked'),
    traitsAt: -1,
    ...more,
  };
}

/** The record of an evacuation that has begun at the beginning of time. */
export function aRecord(more: Partial<EvacuationRecord> = {}): EvacuationRecord {
  return {
    incident: 'i1',
    phase: 'evacuating',
    fencedAt: 0,
    since: 0,
    begunAt: 0,
    outage: null,
    before: { status: 'enabled', forcedDown: false },
    owner: 'controller-1:1',
    clean: false,
    releasedAt: null,
    letGoByHand: false,
    stopped: [],
    stoppedInError: [],
    lost: [],
    reserves: [],
    ...more,
  };
}

/** A cluster with quorum, of which nothing else is known. */
export const A_CLUSTER: ClusterView = {
  haveQuorum: true,
  nodes: [],
  pause: null,
  history: new Map(),
  levelsCorrected: new Map(),
  incidentsTaken: new Set(),
  incidentsBack: new Set(),
  recordsChanged: new Map(),
  offline: new Map(),
};
