import fs, { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openLog } from './log-file.ts';

let dir: string;
let path: string;
let told: string[];
const listener = {
  onTrouble: () => told.push('trouble'),
  onRecovery: (text: string) => told.push(text),
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'instance-ha-log-'));
  path = join(dir, 'log', 'evacuator.log');
  told = [];
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  rmSync(dir, { recursive: true, force: true });
});

function fillDisk(): () => void {
  const spy = vi.spyOn(fs, 'writeSync').mockImplementation(() => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  });
  return () => spy.mockRestore();
}

it('keeps lines while the disk is full, writes them when there is room, and says it once', async () => {
  const log = openLog(path, listener);
  log.write('one\n');
  expect(log.trouble()).toBeNull();
  const makeRoom = fillDisk();
  for (const line of ['two\n', 'three\n']) log.write(line);
  expect(told).toEqual(['trouble']);
  expect(log.trouble()).toMatch(
    /evacuator\.log can't be written since .* \(ENOSPC\), 0 lines are lost: make room/,
  );
  makeRoom();
  log.write('four\n');
  await expect.poll(() => told).toHaveLength(2);
  expect(told[1]).toMatch(/could not be written since .* \(ENOSPC\); 0 lines are missing/);
  expect(log.trouble()).toBeNull();
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\nfour\n');
});

it('keeps no more than a bounded text, and counts what is left out', async () => {
  const log = openLog(path, listener);
  const makeRoom = fillDisk();
  const line = `${'x'.repeat(1023)}\n`;
  for (let i = 0; i < 1024 + 10; i += 1) log.write(line);
  expect(log.trouble()).toContain('10 lines are lost');
  makeRoom();
  // There is no room for it among those that wait; it makes them be written all the same.
  log.write(line);
  await expect.poll(() => told.at(-1)).toContain('11 lines are missing');
  log.write(line);
  expect(readFileSync(path, 'utf8')).toBe(line.repeat(1024 + 1));
});

it('opens later what can not be opened at first', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  writeFileSync(join(dir, 'log'), '');
  const log = openLog(path, listener);
  log.write('one\n');
  expect(told).toEqual(['trouble']);
  expect(log.trouble()).toContain('(EEXIST), 1 lines are lost');
  rmSync(join(dir, 'log'));
  mkdirSync(join(dir, 'log'));
  log.write('two\n');
  vi.advanceTimersByTime(10_000);
  log.write('three\n');
  await expect.poll(() => told.at(-1)).toContain('2 lines are missing');
  expect(readFileSync(path, 'utf8')).toBe('three\n');
});
