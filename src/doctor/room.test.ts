import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { worstLoss, worstOf } from './room.ts';
import { usageOf } from './testing.ts';

describe('the room for what is lost', () => {
  it('shows fragmentation, which totals would hide', () => {
    // 12 GiB are free in all, 6 on each; the instance needs 8.
    const hosts = [usageOf('a', ['big'], 8192), usageOf('b', ['x'], 10240), usageOf('c', ['y'], 10240)];
    expect(worstLoss(hosts, ['a']).left.map(({ id }) => id)).toEqual(['big']);
    expect(worstLoss(hosts.slice(0, 1).concat(usageOf('b', [])), ['a']).left).toEqual([]);
  });

  it('names the worst hosts', async () => {
    const hosts = [usageOf('a', ['1']), usageOf('b', ['2', '3', '4']), usageOf('c', ['5', '6', '7', '8'])];
    const { worst, isComplete } = await worstOf(hosts, 2, 100);
    expect(worst.hosts).toEqual(['c', 'b']);
    expect(worst.left).toHaveLength(4);
    expect(isComplete).toBe(true);
    expect((await worstOf(hosts, 2, 1)).isComplete).toBe(false);
    expect(await worstOf(hosts, 2, 100, async () => true)).toMatchObject({ tries: 0, isComplete: false });
  });

  it('never gives a host more than it has', () => {
    const host = fc.record({
      count: fc.integer({ min: 0, max: 6 }),
      memory: fc.integer({ min: 1, max: 6000 }),
    });
    fc.assert(
      fc.property(fc.array(host, { minLength: 2, maxLength: 6 }), (list) => {
        const hosts = list.map(({ count, memory }, at) =>
          usageOf(
            `h${at}`,
            Array.from({ length: count }, (_, n) => `${at}-${n}`),
            Math.min(memory, Math.floor(16384 / Math.max(1, count))),
          ),
        );
        const { placed, left } = worstLoss(hosts, ['h0']);
        expect(placed.size + left.length).toBe(hosts[0]?.allocations.size);
        for (const { name, allocations, capacity } of hosts.slice(1)) {
          const needs = [...placed]
            .filter(([, to]) => to === name)
            .map(([id]) => hosts[0]?.allocations.get(id)?.MEMORY_MB ?? 0);
          const all = [...allocations.values()].map(({ MEMORY_MB = 0 }) => MEMORY_MB).concat(needs);
          expect(all.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(capacity.MEMORY_MB ?? 0);
        }
      }),
    );
  });
});
