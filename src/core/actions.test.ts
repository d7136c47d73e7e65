import { describe, expect, it } from 'vitest';
import { movesSincePlaced, startsOf, wasStopped } from './actions.ts';

/** Newest first; `!` behind one that failed. */
const actions = (text: string): Parameters<typeof wasStopped>[0] =>
  text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({ action: word.replace('!', ''), hasFailed: word.endsWith('!'), startedAt: 7 }));

describe('a server in ERROR', () => {
  it('was stopped when the last that was done with its power is a stop', () => {
    expect(wasStopped(actions('stop create'))).toBe(true);
    expect(wasStopped(actions('start stop create'))).toBe(false);
    for (const start of ['create', 'reboot', 'unshelve', 'restore', 'unrescue'])
      expect(wasStopped(actions(`${start} stop create`))).toBe(false);
  });

  it('was so whatever evacuations, migrations and rebuilds came after it', () => {
    expect(wasStopped(actions('evacuate evacuate! migrate rebuild attach_volume stop create'))).toBe(true);
  });

  it('was not by a stop that failed, and not started by a start that did', () => {
    expect(wasStopped(actions('stop! create'))).toBe(false);
    expect(wasStopped(actions('start! stop create'))).toBe(true);
  });

  it('may have been when nothing says so', () => {
    expect(wasStopped(actions('evacuate lock'))).toBeNull();
    expect(wasStopped([])).toBeNull();
  });
});

it('a server that somebody has started since it was evacuated or stopped is meant to run', () => {
  expect(startsOf(actions('start stop evacuate stop create')).since).toBe(true);
  expect(startsOf(actions('lock reboot evacuate stop create')).since).toBe(true);
  expect(startsOf(actions('stop start evacuate')).since).toBe(false);
  expect(startsOf(actions('evacuate start stop create')).since).toBe(false);
  expect(startsOf(actions('start! stop evacuate')).since).toBe(false);
  expect(startsOf(actions('create')).since).toBe(false);
  expect(startsOf([]).since).toBe(false);
});

it('a server was evacuated though it had been started when nothing has begun or stopped it in between', () => {
  const unheardAt = (text: string): number | null => startsOf(actions(text)).unheardAt;
  expect(unheardAt('evacuate start stop create')).toBe(7);
  expect(unheardAt('start lock evacuate evacuate! start stop create')).toBe(7);
  expect(unheardAt('evacuate! start stop create')).toBe(7);
  for (const between of ['stop', 'reboot', 'unshelve'])
    expect(unheardAt(`evacuate ${between} start create`)).toBeNull();
  expect(unheardAt('evacuate start! stop create')).toBeNull();
  expect(unheardAt('start stop create')).toBeNull();
  expect(unheardAt('evacuate')).toBeNull();
  // The first of those evacuations: it came next after the start.
  const [second, first, start] = actions('evacuate evacuate start');
  if (second === undefined || first === undefined || start === undefined) throw new Error('too few');
  expect(startsOf([second, { ...first, startedAt: 5 }, start]).unheardAt).toBe(5);
});

it('a server was migrated alive since anything else has begun its guest', () => {
  const moves = (text: string) => movesSincePlaced(actions(text), false);
  expect(moves('live-migration create')).toEqual([0]);
  // A stop may be that of a guest that is not where Nova looks for it.
  expect(moves('lock stop live-migration create')).toEqual([0]);
  for (const later of ['start', 'reboot', 'evacuate', 'rebuild', 'migrate', 'resize']) {
    expect(moves(`${later} live-migration create`)).toEqual([]);
    expect(moves(`live-migration ${later} live-migration create`)).toEqual([0]);
    // What has failed has begun nothing.
    expect(moves(`${later}! live-migration create`)).toEqual([0]);
  }
  expect(moves('live-migration! create')).toEqual([]);
  expect(moves('live-migration! lock live-migration! live-migration create')).toEqual([2]);
  expect(moves('live-migration live-migration! live-migration create')).toEqual([0, 2]);
  expect(moves('create')).toEqual([]);
  expect(moves('')).toEqual([]);
});

it('what was asked for last has begun no guest while it has not ended', () => {
  const moves = (text: string) => movesSincePlaced(actions(text), true);
  expect(moves('reboot live-migration create')).toEqual([0]);
  expect(moves('start live-migration! live-migration create')).toEqual([1]);
  // What is under way is something else, or was evacuated by hand by somebody who had looked.
  expect(moves('createImage reboot live-migration create')).toEqual([]);
  expect(moves('evacuate live-migration create')).toEqual([]);
  expect(moves('reboot start live-migration create')).toEqual([]);
  expect(moves('create')).toEqual([]);
});
