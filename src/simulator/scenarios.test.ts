import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { logOfScenario } from './scenario.ts';

const DIRECTORY = resolve(import.meta.dirname, '../../scenarios');

describe('the stories', { timeout: 60_000 }, () => {
  const names = readdirSync(DIRECTORY);

  it('are many', () => expect(names.length).toBeGreaterThanOrEqual(25));

  it.each(names)('%s goes as it is written down (npm run scenarios -- --update)', async (name) => {
    const read = (file: string): string => readFileSync(resolve(DIRECTORY, name, file), 'utf8');
    expect(read('README.md').length).toBeGreaterThan(60);
    const log = await logOfScenario(read('scenario.json'));
    expect(log).toBe(read('log'));
    expect(log).not.toContain('VIOLATED');
  });
});
