import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { BUSY_AFTER_MS, busy } from './busy.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('names a step once it has taken long, and none that was quick', () => {
  const lines: string[] = [];
  const { doing, progress } = busy((line) => void lines.push(line));
  doing('reading the cluster');
  vi.advanceTimersByTime(BUSY_AFTER_MS - 1);
  doing('reading Nova');
  vi.advanceTimersByTime(BUSY_AFTER_MS);
  expect(lines).toEqual(['reading Nova ...']);
  vi.advanceTimersByTime(10 * BUSY_AFTER_MS);
  doing('reading Placement');
  progress('6 instances');
  vi.advanceTimersByTime(BUSY_AFTER_MS);
  doing('more');
  doing('');
  vi.advanceTimersByTime(BUSY_AFTER_MS);
  expect(lines).toEqual(['reading Nova ...', '6 instances']);
});
