import { describe, expect, it } from 'vitest';
import { nodeName } from '../core/names.ts';
import type { CommandView, NodeView } from '../core/observation.ts';
import type { EvacuationRecord } from '../core/records.ts';
import { aNode, aRecord } from '../core/testing.ts';
import { type HeldRecords, holdAsked, holdClosing, holdRecords, holdWritten } from './held-records.ts';

const NODE = nodeName('compute-1');
const first = aRecord({ incident: 'i1' });
const later = aRecord({ incident: 'i1', stopped: ['00000001'] });
const returning = aRecord({ incident: 'i1', phase: 'returning', releasedAt: 9_000 });

/** A process that reads, writes and closes the record of one node; each read is 1 s after what was before. */
function aReader() {
  const held: HeldRecords = new Map();
  const commands = new Map<string, CommandView>();
  let mono = 0;
  const ended = (kind: string, state: CommandView['state']): void => {
    mono += 1_000;
    commands.set(`${kind}:${NODE}`, { state, at: mono, failures: 0, message: '' });
  };
  const read = (evacuation: NodeView['evacuation'], more: { askedAt?: number; isGap?: boolean } = {}) => {
    mono += 1_000;
    const nodes = [aNode('compute-1', null, { evacuation })];
    const { askedAt = mono, isGap = false } = more;
    const { nodes: seen, changed } = holdRecords(held, { nodes, commands, askedAt, isGap });
    return { seen: seen[0]?.evacuation, isChanged: changed.has(NODE) };
  };
  const write = (record: EvacuationRecord, state: CommandView['state'] = 'done'): void => {
    holdAsked(held, NODE, record);
    if (state === 'done') holdWritten(held, NODE, record);
    ended('write-evacuation', state);
  };
  const close = (state: CommandView['state'] = 'done'): void => {
    holdClosing(held, NODE);
    ended('delete-evacuation', state);
  };
  return { read, write, close, now: () => mono };
}

const asRead = (seen: NodeView['evacuation']) => ({ seen, isChanged: false });
const restored = (seen: NodeView['evacuation']) => ({ seen, isChanged: true });

describe('the record of a node', () => {
  it('is taken as it stands while nobody but this process changes it', () => {
    const { read, write, close } = aReader();
    expect(read(null)).toEqual(asRead(null));
    expect(read('unreadable')).toEqual(asRead('unreadable'));
    write(first);
    expect(read(first)).toEqual(asRead(first));
    write(returning);
    expect(read(returning)).toEqual(asRead(returning));
    close();
    expect(read(null)).toEqual(asRead(null));
  });

  it.each([
    ['deleted', null],
    ['written over by what can’t be read', 'unreadable'],
    ['put back to what it was', first],
  ] as const)('is seen as it was left, when it is %s', (_what, found) => {
    const { read, write } = aReader();
    read(first);
    write(later);
    expect(read(later)).toEqual(asRead(later));
    expect(read(found)).toEqual(restored(later));
    // ... until it stands again.
    expect(read(found)).toEqual(restored(later));
    expect(read(later)).toEqual(asRead(later));
  });

  it('is put back to what it was, whoever has written another', () => {
    const { read, write } = aReader();
    read(first);
    expect(read(later)).toEqual(restored(first));
    write(returning);
    expect(read(later)).toEqual(restored(returning));
    // One that could not be read at the first look may be put right by hand.
    const another = aReader();
    another.read('unreadable');
    expect(another.read(first)).toEqual(asRead(first));
  });

  it('is what was written, also where that had no answer', () => {
    const { read, write } = aReader();
    read(first);
    write(later, 'failed');
    expect(read(first)).toEqual(asRead(first));
    expect(read(later)).toEqual(asRead(later));
    expect(read(null)).toEqual(restored(later));
  });

  it('of a node that had none is this process’s own, and nobody else’s', () => {
    const { read, write } = aReader();
    read(null);
    expect(read(first)).toEqual(restored(null));
    expect(read(null)).toEqual(asRead(null));
    write(first);
    expect(read(first)).toEqual(asRead(first));
  });

  it('is closed again when what stood before is back', () => {
    const { read, close } = aReader();
    read(first);
    read(returning);
    close();
    read(null);
    for (const old of [first, returning]) expect(read(old)).toEqual(restored(null));
  });

  it('is not closed by a request to delete it that was not carried out', () => {
    const { read, close } = aReader();
    read(returning);
    close('failed');
    expect(read(returning)).toEqual(asRead(returning));
    expect(read(null)).toEqual(restored(returning));
  });

  it('is closed by one that was carried out, and had no answer', () => {
    const { read, close } = aReader();
    read(returning);
    close('failed');
    expect(read(null)).toEqual(asRead(null));
    expect(read(returning)).toEqual(restored(null));
  });

  it('may be the one before in a read that began before a write, or a delete, had ended', () => {
    const { read, write, close, now } = aReader();
    read(first);
    const askedAt = now();
    write(later);
    expect(read(first, { askedAt })).toEqual(asRead(first));
    expect(read(first)).toEqual(restored(later));
    const beforeClose = now();
    close();
    expect(read(later, { askedAt: beforeClose })).toEqual(asRead(later));
    expect(read(null)).toEqual(asRead(null));
  });

  it('that was written and never seen is nobody’s to restore: nothing was done by it', () => {
    const { read, write } = aReader();
    read(null);
    write(first);
    expect(read(null)).toEqual(asRead(null));
  });

  it('is not known any more where another evacuator may have worked meanwhile', () => {
    const { read } = aReader();
    read(first);
    expect(read(null, { isGap: true })).toEqual(asRead(null));
    expect(read(null)).toEqual(asRead(null));
  });

  it('is its own, too, when it was being written while another might have worked', () => {
    const { read, write, now } = aReader();
    read(null);
    const askedAt = now();
    write(first);
    expect(read(null, { askedAt, isGap: true })).toEqual(asRead(null));
    expect(read(first)).toEqual(asRead(first));
    expect(read(null)).toEqual(restored(first));
  });
});
