import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { limitOf, parseOptions } from './options.ts';
import { rigOf } from './rig.ts';
import { SCENARIOS, scenarioOf } from './scenarios.ts';
import { RIG_ENV } from './testing.ts';

describe('options', () => {
  it('has a default for everything', () => {
    expect(parseOptions([])).toMatchObject({
      instances: null,
      spawnDelayS: null,
      how: 'kill',
      operator: true,
      keep: false,
    });
    expect(parseOptions([]).scenarios.map((s) => s.name)).toEqual(['power-loss']);
  });
  it('takes values with a blank or with =', () => {
    const options = parseOptions([
      '--scenario=api-away',
      '--instances',
      '50',
      '--spawn-delay',
      '2.5',
      '--json',
      '/tmp/x',
    ]);
    expect(options).toMatchObject({ instances: 50, spawnDelayS: 2.5, json: '/tmp/x' });
    expect(options.scenarios[0]?.name).toBe('api-away');
    expect(
      parseOptions(['--scenario', 'two-hosts,power-loss']).scenarios.map((scenario) => scenario.name),
    ).toEqual(['two-hosts', 'power-loss']);
    expect(parseOptions(['--all', '--down']).scenarios).toHaveLength(SCENARIOS.length);
  });
  it.each([
    [['--instances', '0'], 'from 1 to 200'],
    [['--instances', 'many'], 'from 1 to 200'],
    [['--instances'], 'needs a value'],
    [['--scenario', 'meteor'], 'there are: power-loss, controller-loss, api-away'],
    [['--all', '--scenario', 'api-away'], 'exclude each other'],
    [['--scenario', 'power-loss,'], 'no scenario ""'],
    [['--scenario', 'power-loss,api-away', '--keep'], 'not with several'],
    [['--all', '--keep'], 'not with several of them, --all'],
    [['--how', 'gently'], 'kill, off, crash, isolate'],
    [['--fast'], 'unknown option'],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
  it('gives more time to more and slower instances', () => {
    const plain = limitOf(scenarioOf('power-loss'), 12, 0);
    expect(limitOf(scenarioOf('power-loss'), 50, 0)).toBeGreaterThan(plain);
    expect(limitOf(scenarioOf('power-loss'), 12, 20)).toBeGreaterThan(plain);
    for (const scenario of SCENARIOS) expect(limitOf(scenario, 12, 0)).toBeGreaterThanOrEqual(plain);
  });
});

describe('what is written about the scenarios elsewhere', () => {
  const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  it('names every one in the help', () => {
    const named = [...text('drill').matchAll(/^# {5}([a-z-]+) {2,}\S/gm)].map((match) => match[1]);
    expect(named).toEqual(SCENARIOS.map(({ name }) => name));
  });
  it('counts as many as ./test does', () => {
    const counted = text('testbed/drill/scenarios.ts').match(/^ {4}name: '/gm);
    expect(counted).toHaveLength(SCENARIOS.length);
    expect(text('test')).toContain(`testbed/drill/scenarios.ts | grep -cE "^ +says: |^    name: "`);
  });
});

describe('rigOf', () => {
  it('knows every node by its address', () => {
    const rig = rigOf(RIG_ENV);
    expect(rig.addresses.get('10.99.0.12')).toBe('controller-2');
    expect(rig.addresses.get('10.99.0.23')).toBe('compute-3');
    expect(rig.downTimeS).toBe(6);
  });
  it('says which key is missing', () => {
    expect(() => rigOf('TESTBED_DIR=/t')).toThrow('TESTBED_CONTROLLERS');
  });
});
