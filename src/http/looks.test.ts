import { expect, it } from 'vitest';
import type { HostVerdict, InstanceVerdict } from '../core/decision.ts';
import { hostName, nodeName, serverId } from '../core/names.ts';
import { known } from '../core/observation.ts';
import type { InstanceRow } from '../view/model.ts';
import { createLooks } from './looks.ts';

const [ONE, TWO] = [hostName('compute-1'), hostName('compute-2')];

function evacuating(outcomes: Record<string, InstanceVerdict['outcome']>): HostVerdict {
  const instances = Object.entries(outcomes).map(
    ([id, outcome]): InstanceVerdict => ({
      ...{ id: serverId(id), name: id, outcome, to: TWO, attempts: 1, disk: 'kept' },
      ...{ differences: [], text: '' },
    }),
  );
  return {
    node: nodeName('compute-1'),
    host: ONE,
    incident: 'i1',
    phase: 'evacuating',
    text: '',
    instances,
  };
}

it('knows where the instances of a host are that nothing is said of any more, and lists anew', async () => {
  let mono = 0;
  let lists = 0;
  const port = {
    readFencing: async () => known([]),
    readInventory: async () => {
      lists++;
      return known(['a', 'b', 'c'].map((id) => ({ id: serverId(id), name: id, host: ONE })));
    },
  };
  const looks = createLooks(port, { now: () => 0, mono: () => mono }, () => {});
  const look = async (): Promise<void> => {
    looks.lookIfDue();
    await new Promise(setImmediate);
  };
  const rows = () => {
    const { inventory } = looks.extras();
    return inventory.known ? inventory.value : new Map<string, InstanceRow>();
  };
  const hosts = (): unknown => [...rows().values()].map(({ host }) => host);
  await look();
  expect(hosts()).toEqual([ONE, ONE, ONE]);

  looks.see([evacuating({ a: 'moved', b: 'failed', c: 'gone' })]);
  mono = 61_000;
  await look();
  expect(lists).toBe(1);
  const before = rows();
  looks.see([evacuating({ a: 'moved', b: 'failed', c: 'gone' })]);
  expect(rows()).toBe(before);

  looks.see([{ ...evacuating({}), phase: 'returning' }]);
  expect(hosts()).toEqual([TWO, ONE, null]);
  await look();
  expect(lists).toBe(2);
  // Until the next one is due.
  await look();
  expect(lists).toBe(2);
});

it('a question that breaks is one without an answer, and is asked again', async () => {
  let mono = 0;
  let asked = 0;
  const port = {
    readFencing: async () => {
      if (asked++ === 0) throw new Error('out of order');
      return known([]);
    },
    readInventory: async () => known([]),
  };
  let changes = 0;
  const looks = createLooks(port, { now: () => 0, mono: () => mono }, () => changes++);
  looks.lookIfDue();
  await new Promise(setImmediate);
  expect(looks.extras().fencing).toEqual({ known: false, reason: 'not read, a bug: out of order' });
  mono = 10_000;
  looks.lookIfDue();
  await new Promise(setImmediate);
  expect(looks.extras().fencing).toEqual(known([]));
  expect(changes).toBe(3);
});
