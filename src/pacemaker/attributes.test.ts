import { describe, expect, it } from 'vitest';
import { nodeName } from '../core/names.ts';
import {
  deletePermanent,
  readOwnTransient,
  readPermanent,
  readTransient,
  writePermanent,
  writeTransient,
} from './attributes.ts';
import { exits, fakeCluster } from './fake-tools.ts';
import { pacemakerResult } from './fixtures.ts';

const C1 = nodeName('compute-1');

describe('transient attributes', () => {
  it('are empty when nobody ever set them, and without the unset ones', async () => {
    const { run } = fakeCluster();
    expect(await readTransient('evacuate', { run })).toEqual({ ok: true, value: new Map() });
    await writeTransient('evacuate', C1, 'yes', { run });
    await writeTransient('evacuate', nodeName('compute-2'), '', { run });
    expect(await readTransient('evacuate', { run })).toEqual({ ok: true, value: new Map([[C1, 'yes']]) });
    expect(await readOwnTransient('evacuate', C1, { run })).toEqual({ ok: true, value: 'yes' });
    expect(await readOwnTransient('evacuate', nodeName('compute-2'), { run })).toEqual({
      ok: true,
      value: null,
    });
  });

  it('are written privately, to the node that is named', async () => {
    const cluster = fakeCluster();
    await writeTransient('evacuate', C1, 'yes', { run: cluster.run });
    await writeTransient('evacuate', null, '', { run: cluster.run });
    expect(cluster.calls).toEqual([
      ['attrd_updater', '-n', 'evacuate', '-p', '-N', 'compute-1', '-U', 'yes'],
      ['attrd_updater', '-n', 'evacuate', '-p', '-D'],
    ]);
  });

  it.each([
    ['another attribute', pacemakerResult('<attribute name="x" value="yes" host="a"/>')],
    ['no host', pacemakerResult('<attribute name="evacuate" value="yes"/>')],
    [
      'a cut answer',
      '<pacemaker-result><attribute name="evacuate" value="yes" host="a"/></pacemaker-result>',
    ],
  ])('are an error with %s', async (_, xml) => {
    const run = async () => exits(0, xml);
    expect(await readTransient('evacuate', { run })).toMatchObject({
      ok: false,
      error: { code: 'bad-answer' },
    });
  });

  it('are unknown, not unset, when the cluster is down', async () => {
    const run = async () =>
      exits(
        102,
        '<pacemaker-result><status code="102"><errors><error>attrd_updater: Could not connect</error></errors></status></pacemaker-result>',
      );
    expect(await readTransient('evacuate', { run })).toEqual({
      ok: false,
      error: { code: 'cluster-down', tool: 'attrd_updater', detail: 'attrd_updater: Could not connect' },
    });
  });

  it('take no value that a tool would read as an option', () => {
    const { run } = fakeCluster();
    return expect(writeTransient('evacuate', C1, '-D', { run })).rejects.toThrow('not a value');
  });
});

describe('permanent attributes', () => {
  it('are written, read and deleted', async () => {
    const { run, calls } = fakeCluster();
    expect(await readPermanent(C1, 'a', { run })).toEqual({ ok: true, value: null });
    expect(await writePermanent(C1, 'a', 'v=1,x=<&>', { run })).toEqual({ ok: true, value: undefined });
    expect(await readPermanent(C1, 'a', { run })).toEqual({ ok: true, value: 'v=1,x=<&>' });
    expect(await deletePermanent(C1, 'a', { run })).toEqual({ ok: true, value: undefined });
    expect(await readPermanent(C1, 'a', { run })).toEqual({ ok: true, value: null });
    expect(calls[1]).toEqual([
      'crm_attribute',
      '--node',
      'compute-1',
      '--name',
      'a',
      '--lifetime',
      'forever',
      '--update',
      'v=1,x=<&>',
    ]);
  });

  it('tell a node that does not exist from an attribute that is not set', async () => {
    const { run } = fakeCluster();
    const error = { code: 'unknown-node', node: 'compute-9' };
    expect(await readPermanent(nodeName('compute-9'), 'a', { run })).toMatchObject({ ok: false, error });
    expect(await writePermanent(nodeName('compute-9'), 'a', '1', { run })).toMatchObject({
      ok: false,
      error,
    });
    expect(await deletePermanent(nodeName('compute-9'), 'a', { run })).toMatchObject({ ok: false, error });
  });
});
