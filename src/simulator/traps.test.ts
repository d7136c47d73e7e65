import { expect, it } from 'vitest';
import { newTraps } from './traps.ts';

it('a trap springs once, at the nth call of its name and side', () => {
  const traps = newTraps();
  traps.set('POST action', 2, 'during');
  expect(traps.springs('POST action', 'before')).toBe(false);
  expect(traps.springs('GET servers', 'during')).toBe(false);
  expect(traps.springs('POST action', 'during')).toBe(false);
  expect(traps.springs('POST action', 'during')).toBe(true);
  expect(traps.springs('POST action', 'during')).toBe(false);
  traps.set('POST action', 1, 'during');
  traps.clear();
  expect(traps.springs('POST action', 'during')).toBe(false);
});
