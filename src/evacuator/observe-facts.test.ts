import { expect, it } from 'vitest';
import type { FactsLook } from '../core/decision.ts';
import { nodeName, serverId } from '../core/names.ts';
import { type EvacuationView, type ImageQuery, type ImageView, trailKey } from '../core/observation.ts';
import { ELSEWHERE, SOURCE } from '../core/testing.ts';
import { evacuation } from '../core/testing-evacuations.ts';
import { forget, hostMemory, newMemory } from './memory.ts';
import { lookAtFacts, lookAtPlacement, lookAtTrail } from './observe-facts.ts';
import type { Answer, Ports } from './ports.ts';

it('images are known as those of the question that they answer, and not of one that was asked since', async () => {
  const answers: ((answer: Answer<readonly ImageView[]>) => void)[] = [];
  const ports = {
    cloud: { findImages: () => new Promise((resolve) => answers.push(resolve)) },
    clock: { mono: () => 1, wake: () => {} },
  } as unknown as Ports;
  const memory = newMemory('controller-1:1', 0);
  const look = (images: ImageQuery): FactsLook => ({
    aggregates: false,
    serverGroups: false,
    flavors: false,
    images,
  });
  const naming = (...names: string[]): ImageQuery => ({ tags: [], properties: [], names });
  const first = lookAtFacts(ports, memory, look(naming('one')));
  answers[0]?.({ ok: false, reason: '503', effect: 'refused' });
  await first;
  // Asked again beside everything else; meanwhile another policy is read.
  await lookAtFacts(ports, memory, look(naming('one')));
  await lookAtFacts(ports, memory, look(naming('one', 'two')));
  expect(answers).toHaveLength(2);
  answers[1]?.({ ok: true, value: [] });
  await new Promise(setImmediate);
  expect(memory.facts.images.value.known).toBe(true);
  expect(memory.facts.imageQuery).toEqual(naming('one'));
});

it('server groups that were read before go while they can’t be read; what else is not known, is not', async () => {
  const group = { id: 'g', name: 'g', policy: 'affinity', members: [], rules: {} };
  let groups: Answer<readonly unknown[]> = { ok: true, value: [group] };
  let flavors: Answer<readonly unknown[]> = { ok: true, value: [] };
  let mono = 1_000;
  const ports = {
    cloud: { listServerGroups: async () => groups, listFlavors: async () => flavors },
    clock: { mono: () => mono, wake: () => {} },
  } as unknown as Ports;
  const memory = newMemory('controller-1:1', 0);
  const look = { aggregates: false, serverGroups: true, flavors: true, images: null };
  const failed = { ok: false, reason: '503', effect: 'none' } as const;
  groups = failed;
  await lookAtFacts(ports, memory, look);
  expect(memory.facts.serverGroups.value.known).toBe(false);
  groups = { ok: true, value: [group] };
  // What has failed before is asked for without waiting.
  await lookAtFacts(ports, memory, look);
  await new Promise(setImmediate);
  groups = flavors = failed;
  mono = 9_000;
  await lookAtFacts(ports, memory, look);
  expect(memory.facts.serverGroups).toEqual({ value: { known: true, value: [group] }, mono });
  expect(memory.facts.flavors).toEqual({ value: { known: false, reason: '503' }, mono });
});

it('an evacuation that has ended in error is put down with whether Placement answered after that, and asked about once', async () => {
  const answers: ((answer: Answer<null>) => void)[] = [];
  let mono = 1_000;
  const ports = {
    cloud: { findPlacement: () => new Promise((resolve) => answers.push(resolve)) },
    clock: { mono: () => mono, wake: () => {} },
  } as unknown as Ports;
  const memory = newMemory('controller-1:1', 0);
  const host = hostMemory(memory, SOURCE, 'i1');
  const seen = (id: number, status: string): void =>
    void host.evacuations.set(id, evacuation({ id, status }));
  seen(1, 'error');
  seen(2, 'failed');
  void lookAtPlacement(ports, memory);
  expect(memory.placement).toMatchObject({ isAsking: true, trouble: null });
  // What is seen while the question is open is not answered by it.
  seen(3, 'error');
  void lookAtPlacement(ports, memory);
  expect(answers).toHaveLength(1);
  answers[0]?.({ ok: false, reason: '503', effect: 'none' });
  await new Promise(setImmediate);
  expect([...host.placementAfter]).toEqual([[1, false]]);
  expect(memory.placement).toEqual({ trouble: '503', askedAt: 1_000, awaySince: 1_000, isAsking: false });
  mono = 3_000;
  void lookAtPlacement(ports, memory);
  answers[1]?.({ ok: false, reason: '502', effect: 'none' });
  await new Promise(setImmediate);
  expect(memory.placement).toEqual({ trouble: '502', askedAt: 3_000, awaySince: 1_000, isAsking: false });
  seen(4, 'error');
  mono = 63_001;
  void lookAtPlacement(ports, memory);
  answers[2]?.({ ok: false, reason: '502', effect: 'none' });
  await new Promise(setImmediate);
  expect(memory.placement).toMatchObject({ askedAt: 63_001, awaySince: 63_001 });
  seen(5, 'error');
  mono = 65_000;
  void lookAtPlacement(ports, memory);
  answers[3]?.({ ok: true, value: null });
  await new Promise(setImmediate);
  expect(memory.placement).toEqual({ trouble: null, askedAt: 65_000, awaySince: -1, isAsking: false });
  expect([...host.placementAfter]).toEqual([
    [1, false],
    [3, false],
    [4, false],
    [5, true],
  ]);
});

it('how far two evacuations of one number have come, of two cells, is kept apart, and forgotten with their hosts', async () => {
  const one = evacuation({ id: 7, server: serverId('s1') });
  const other = evacuation({ id: 7, server: serverId('s2') });
  const ports = {
    cloud: {
      trailOf: async ({ server }: EvacuationView) => {
        return { ok: true, value: { sent: server === one.server, receivedAt: null, receivedBy: null } };
      },
      hostsOfConsumer: async () => ({ ok: true, value: [] }),
    },
    clock: { mono: () => 0, wake: () => {} },
  } as unknown as Ports;
  const memory = newMemory('controller-1:1', 0);
  hostMemory(memory, SOURCE, 'i1').evacuations.set(7, one);
  hostMemory(memory, ELSEWHERE, 'i2').evacuations.set(7, other);
  for (const each of [one, other]) await lookAtTrail(ports, memory, each);
  const isSent = (each: EvacuationView) => memory.trails.get(trailKey(each))?.value;
  expect(isSent(one)).toMatchObject({ value: { sent: true } });
  expect(isSent(other)).toMatchObject({ value: { sent: false } });
  forget(memory, { open: new Set([nodeName(ELSEWHERE)]), toProve: new Set(), domain: null });
  expect([...memory.trails.keys()]).toEqual([trailKey(other)]);
});
