import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { DEFAULT_POLICY, type OperatorPolicy } from '../core/policy.ts';
import { policyDocument, policyExample } from './document.ts';
import { loadPolicy } from './file.ts';
import { allKeys } from './keys.ts';
import { nearest } from './nearest.ts';
import { POLICY_FILE } from './path.ts';
import { MAX_POLICY_CHARS, readPolicy } from './read.ts';
import { schemaOf } from './schema.ts';

const directory = mkdtempSync(join(tmpdir(), 'policy-'));
afterAll(() => rmSync(directory, { recursive: true }));

const { timing: _, ...DEFAULTS } = DEFAULT_POLICY;

function read(text: string): OperatorPolicy {
  const policy = readPolicy(text);
  if (!policy.ok) throw new Error(policy.error.join('\n'));
  const { timing: __, ...sections } = policy.value as typeof DEFAULT_POLICY;
  return sections;
}

function problems(text: string): readonly string[] {
  const policy = readPolicy(text);
  return policy.ok ? [] : policy.error;
}

describe('a policy file', () => {
  it('has the defaults for all that it does not name', () => {
    expect(read('')).toEqual(DEFAULTS);
    expect(read('# nothing\n')).toEqual(DEFAULTS);
    expect(read('selection:\n  # all commented out\norder: {}\n')).toEqual(DEFAULTS);
  });

  it('says what the operator wants', () => {
    const policy = read(`
selection:
  instance_filtering: false
  exclude:
    names: [ 'test-*', scratch ]
order: { ready: 1min }
pace:
  growth_factor: 2.5
  stagger: 0.25
gates: { max_failed_hosts: 3, start_interval: 90 }
storage: { local_disk: ask }
delays:
  evacuate_delay: 500ms
`);
    expect(policy.selection.instanceFiltering).toBe(false);
    expect(policy.selection.exclude).toEqual({
      projects: [],
      names: ['test-*', 'scratch'],
      images: [],
      flavors: [],
    });
    expect(policy.order.readyMs).toBe(60_000);
    expect(policy.pace).toEqual({ ...DEFAULTS.pace, growthFactor: 2.5, staggerMs: 250 });
    expect(policy.gates).toEqual({ ...DEFAULTS.gates, maxFailedHosts: 3, startIntervalMs: 90_000 });
    expect(policy.storage.localDisk).toBe('ask');
    expect(policy.delays.evacuateDelayMs).toBe(500);
  });

  it.each([
    [
      'selection:\n  evacuble_tag: x',
      'line 2: selection.evacuble_tag is unknown; did you mean evacuable_tag?',
    ],
    ['selektion: {}', 'line 1: selektion is unknown; did you mean selection?'],
    [
      'pace:\n  instance_filtering: true',
      'line 2: pace.instance_filtering is unknown here; it belongs under selection',
    ],
    ['\n\nnames: [x]', 'line 3: names is unknown here; it belongs under selection.exclude'],
    [
      'delays:\n  qqqqqqqqqqqqqqqq: 1',
      'line 2: delays.qqqqqqqqqqqqqqqq is unknown; known are evacuate_delay',
    ],
    ['timing:\n  slow: 1', 'line 1: timing is unknown'],
    ['selection:\n  tagged_images: yes', 'line 2: selection.tagged_images must be true or false (it is yes)'],
    [
      'retry: { max_attempts: 1.5 }',
      'line 1: retry.max_attempts must be a whole number from 1 to 20 attempts (it is 1.5)',
    ],
    ['retry: { max_attempts: 21 }', 'from 1 to 20 attempts (it is 21)'],
    ['retry:\n\n  max_attempts:\n', 'line 3: retry.max_attempts must be a whole number'],
    ['retry: { max_attempts: .nan }', 'retry.max_attempts must be'],
    [
      'delays:\n  evacuate_delay: 2 days',
      'line 2: delays.evacuate_delay must be a time from 0s to 1h, such as 30s, 500ms, 2min, or 30 for seconds (it is 2 days)',
    ],
    ['storage: { local_disk: maybe }', 'must be one of evacuate, skip, ask (it is maybe)'],
    [
      'selection:\n  exclude: { names: web }',
      'line 2: selection.exclude.names must be a list of texts, such as [a, b] (it is web)',
    ],
    ['selection: [a]', 'line 1: selection must hold keys with their values'],
    ['- a\n- b', 'line 1: the file must hold keys with their values'],
    [
      'pace:\n  max_in_flight: 4\n',
      'line 2: pace.start_in_flight (8) must not be greater than pace.max_in_flight (4)',
    ],
    ['pace:\n  stagger: 1\n  stagger: 2\n', 'line 3: Map keys must be unique'],
    ['pace: {\n', 'line 2: '],
    ['pace:\n\tstagger: 1', 'line 2: Tabs'],
    ['a: !!python/object x', 'line 1: Unresolved tag'],
    ['a: 1\n---\nb: 2', 'multiple documents'],
    [`${'['.repeat(20_000)}`, ''],
    [`selection: { evacuable_tag: "a\\x1b[31mb" }\n${'x'.repeat(MAX_POLICY_CHARS)}`, 'more than'],
  ])('that is wrong is told in lines with their numbers: %#', (text, expected) => {
    const found = problems(text);
    expect(found.length).toBeGreaterThan(0);
    expect(found.join('\n')).toContain(expected);
    for (const line of found) expect(line).toMatch(/^\P{Cc}+$/u);
  });

  it('tells all that is wrong with it at once, and not without end', () => {
    expect(problems('pace:\n  a: 1\n  stagger: x\nb: 2\n')).toHaveLength(3);
    expect(problems(Array.from({ length: 50 }, (_, n) => `k${n}: 1`).join('\n'))).toHaveLength(10);
  });

  it('may use anchors, in moderation', () => {
    expect(
      read('selection:\n  exclude:\n    images: &x [a]\n    flavors: *x\n').selection.exclude.flavors,
    ).toEqual(['a']);
    const bomb = `selection:\n  exclude:\n    projects: &a [x, x, x, x, x, x, x, x, x]\n    names: [${Array(500).fill('*a').join(', ')}]\n`;
    expect(problems(bomb).join()).toMatch(/line 4: selection.exclude.names/);
    const levels = Array.from({ length: 24 }, (_, n) => `&l${n + 1} [*l${n}, *l${n}]`);
    const deep = `selection:\n  exclude:\n    names: [&l0 x, ${levels.join(', ')}]\n`;
    expect(problems(deep)).toEqual(['line 3: selection.exclude.names uses more than 20 aliases']);
    const across = 'selection:\n  exclude:\n    images: [&x a]\n    flavors: [*x, *x]\n';
    expect(read(across).selection.exclude.flavors).toEqual(['a', 'a']);
    expect(problems('selection: *nowhere\n').length).toBeGreaterThan(0);
  });

  it('never throws, whatever is in it', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.json(),
      fc.object().map((value) => stringify(value)),
    );
    fc.assert(
      fc.property(anything, (text) => void readPolicy(text)),
      { numRuns: 300 },
    );
  });
});

describe('the table', () => {
  it('takes every default', () => {
    for (const { path, row, default: value } of allKeys()) {
      const shown = row.type === 'time' ? (value as number) / 1000 : value;
      expect(schemaOf(row)['~run']({ value: shown }, {}).issues, path).toBeUndefined();
    }
    expect(allKeys().length).toBeGreaterThan(40);
  });

  it('makes docs/policy.md and the example, which are up to date (npm run policy-docs)', () => {
    expect(readFileSync('docs/policy.md', 'utf8')).toBe(policyDocument());
    expect(readFileSync('docs/policy.example.yaml', 'utf8')).toBe(policyExample());
  });

  it('makes an example that says what is so anyway', () => {
    expect(read(policyExample())).toEqual(DEFAULTS);
  });
});

describe('the nearest name', () => {
  it.each([
    ['evacuable-tag', 'evacuable_tag'],
    ['MAX_ATTEMPTS', 'max_attempts'],
    ['zzzzzz', null],
  ])('of %s is %s', (wrong, right) => {
    expect(nearest(wrong, ['evacuable_tag', 'max_attempts', 'ready'])).toBe(right);
  });
});

describe('the file', () => {
  const none = { evacuateDelayMs: null, instanceFiltering: null, sharedStorage: null };
  const file = (text: string): string => {
    const path = join(directory, 'policy.yaml');
    writeFileSync(path, text);
    return path;
  };

  it('gives way to what NovaEvacuate’s parameters say', async () => {
    const path = file('delays: { evacuate_delay: 5 }\nselection: { instance_filtering: false }\n');
    expect(await loadPolicy(path, none)).toMatchObject({
      value: {
        delays: { evacuateDelayMs: 5000 },
        selection: { instanceFiltering: false },
        storage: { shared: true },
      },
    });
    const overrides = { evacuateDelayMs: 0, instanceFiltering: true, sharedStorage: false };
    expect(await loadPolicy(path, overrides)).toMatchObject({
      value: {
        delays: { evacuateDelayMs: 0 },
        selection: { instanceFiltering: true },
        storage: { shared: false },
      },
    });
  });

  it('may be missing where it is looked for by itself, and nowhere else', async () => {
    const missing = join(directory, 'none.yaml');
    expect(await loadPolicy(missing, none)).toEqual({
      ok: false,
      error: `the policy file ${missing} can't be read (ENOENT): check policy_file`,
    });
    expect(await loadPolicy('/dev/zero', none)).toMatchObject({ error: expect.stringContaining('no file') });
    const usual = await loadPolicy(POLICY_FILE, none);
    expect(usual.ok || usual.error.includes(POLICY_FILE)).toBe(true);
  });

  it('is named, with all problems on one line', async () => {
    const path = file('pace:\n  a: 1\n  stagger: x\n');
    expect(await loadPolicy(path, none)).toMatchObject({
      error: expect.stringMatching(/^the policy file .*policy\.yaml: line 2: .*; line 3: [^\n]*$/),
    });
  });
});
