import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyChange, changeBetween, snapshotOf, viewOf } from './change.ts';
import { type Overview, TABLES, type View } from './model.ts';

const overview = (cloudTrouble: string | null): Overview => ({
  evacuator: { epoch: 'e1', node: 'controller-1', version: '0.1.0', since: 1 },
  quorum: true,
  clusterTrouble: null,
  cloudTrouble,
  gates: [],
  controllers: [],
  inventoryAt: null,
  inventoryTrouble: null,
  fencingTrouble: null,
});

/** Any rows at all: what a row holds does not matter here, but that it may nest does. */
const row = fc.record({
  text: fc.string(),
  more: fc.option(fc.record({ n: fc.integer(), list: fc.array(fc.integer(), { maxLength: 3 }) })),
});
const table = fc
  .dictionary(
    fc.string({ minLength: 1, maxLength: 3 }).filter((key) => key !== '__proto__'),
    row,
    { maxKeys: 6 },
  )
  .map((rows) => new Map(Object.entries(rows)));
const view: fc.Arbitrary<View> = fc
  .record({
    trouble: fc.option(fc.string()),
    hosts: table,
    instances: table,
    incidents: table,
    fencing: table,
    lines: table,
  })
  .map(({ trouble, ...tables }) => ({ overview: overview(trouble), ...tables }) as unknown as View);

describe('a view on its way to a page', () => {
  it('arrives whole as a snapshot', () => {
    fc.assert(
      fc.property(view, (sent) => {
        expect(viewOf(JSON.parse(JSON.stringify(snapshotOf(sent, 1))))).toEqual(sent);
      }),
    );
  });

  it('arrives by changes as it would by a snapshot', () => {
    fc.assert(
      fc.property(fc.array(view, { minLength: 2, maxLength: 5 }), (views) => {
        let shown = views[0] as View;
        for (const [index, next] of views.entries()) {
          const change = changeBetween(shown, next, index);
          if (change !== null) shown = applyChange(shown, JSON.parse(JSON.stringify(change)));
          expect(shown).toEqual(next);
        }
      }),
    );
  });

  it('is not sent when nothing has changed, and only its changed tables are', () => {
    fc.assert(
      fc.property(view, (same) => {
        expect(changeBetween(same, structuredClone(same), 2)).toBeNull();
        const hosts = new Map(same.hosts).set('new', { text: 'x' } as never);
        const change = changeBetween(same, { ...same, hosts }, 2);
        expect(Object.keys(change ?? {}).sort()).toEqual(['epoch', 'hosts', 'seq']);
        const applied = applyChange(same, change ?? { epoch: '', seq: 0 });
        for (const name of TABLES) if (name !== 'hosts') expect(applied[name]).toBe(same[name]);
      }),
    );
  });
});
