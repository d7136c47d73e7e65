import { expect, it } from 'vitest';
import type { FactsLook } from '../core/decision.ts';
import type { ImageQuery, ImageView } from '../core/observation.ts';
import { newMemory } from './memory.ts';
import { lookAtFacts } from './observe-facts.ts';
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
