import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CloudFacts, known, type ServerView, unknown } from './observation.ts';
import { DEFAULT_POLICY, type Policy, type SelectionPolicy } from './policy.ts';
import { type Admission, selector } from './selection.ts';
import { aServer, fact, SOURCE, someFacts } from './testing.ts';

const policy = (selection: Partial<SelectionPolicy> = {}): Policy => ({
  ...DEFAULT_POLICY,
  selection: { ...DEFAULT_POLICY.selection, ...selection },
});
const exclude = (more: Partial<SelectionPolicy['exclude']>): Policy =>
  policy({ exclude: { ...DEFAULT_POLICY.selection.exclude, ...more } });
const select = (
  server: Partial<ServerView>,
  facts: Partial<CloudFacts> = {},
  how: Policy = policy(),
): Admission => selector(someFacts(facts), how)(aServer(server), SOURCE);
const kind = (...args: Parameters<typeof select>): string => select(...args).kind;

const DOWN = { value: unknown('503'), mono: 0 };
const image = (
  id: string,
  more: Partial<{ name: string; tags: string[]; properties: Record<string, string> }> = {},
) => ({
  id,
  name: id,
  tags: [],
  properties: {},
  ...more,
});
const specs = (extraSpecs: Record<string, string>) => ({
  name: 'small',
  id: null,
  extraSpecs: known(extraSpecs),
});
const aggregate = (hosts: string[], metadata: Record<string, string>) => ({
  id: 1,
  name: 'a',
  availabilityZone: null,
  hosts: hosts as never[],
  metadata,
});

describe('the selection', () => {
  it('is everything where nobody has tagged anything', () => {
    expect(kind({})).toBe('admitted');
    expect(kind({ imageId: null })).toBe('admitted');
  });

  it('goes by image and flavor where any is tagged anywhere in the cloud', () => {
    const tagged = { images: fact([image('gold', { tags: ['evacuable'] })]) };
    expect(kind({ imageId: 'gold' }, tagged)).toBe('admitted');
    expect(kind({ imageId: 'iron' }, tagged)).toBe('excluded');
    expect(kind({ imageId: 'iron', flavor: specs({ evacuable: 'True' }) }, tagged)).toBe('admitted');
    const elsewhere = { flavors: fact([{ id: 'f', name: 'big', extraSpecs: { evacuable: 'true' } }]) };
    expect(kind({}, elsewhere)).toBe('excluded');
    expect(select({}, elsewhere)).toMatchObject({ reason: expect.stringContaining('tagged evacuable') });
  });

  it('takes true, 1 and yes as a property, and no tag but the exact one', () => {
    for (const text of ['true', ' TRUE ', '1', 'yes']) {
      const facts = { images: fact([image('a', { properties: { evacuable: text } }), image('b')]) };
      expect([kind({ imageId: 'a' }, facts), kind({ imageId: 'b' }, facts)]).toEqual([
        'admitted',
        'excluded',
      ]);
    }
    // A property that says no tags nothing, so nobody is tagged.
    expect(
      kind({ imageId: 'b' }, { images: fact([image('a', { properties: { evacuable: 'false' } })]) }),
    ).toBe('admitted');
    const almost = fact([
      image('a', { tags: ['not-evacuable', 'Evacuable'] }),
      image('gold', { tags: ['evacuable'] }),
    ]);
    expect(kind({ imageId: 'a' }, { images: almost })).toBe('excluded');
  });

  it('goes by the host’s aggregate as well, where one is tagged', () => {
    const other = { aggregates: fact([aggregate(['compute-9'], { evacuable: 'true' })]) };
    expect(kind({}, other)).toBe('excluded');
    const alike = { aggregates: fact([aggregate([`${SOURCE}0`, `x${SOURCE}`], { evacuable: 'true' })]) };
    expect(kind({}, alike)).toBe('excluded');
    const own = { aggregates: fact([aggregate([SOURCE], { evacuable: 'true' })]) };
    expect(kind({}, own)).toBe('admitted');
    expect(kind({}, own, policy({ taggedAggregates: false }))).toBe('admitted');
    expect(kind({}, other, policy({ taggedAggregates: false }))).toBe('admitted');
  });

  it('reads the flavor from the list where the server does not carry it', () => {
    const flavor = { name: '', id: 'f', extraSpecs: unknown('below 2.47') };
    const listed = fact([
      { id: 'f', name: 'big', extraSpecs: {} },
      { id: 'g', name: 'gold', extraSpecs: { evacuable: '1' } },
    ]);
    expect(kind({ flavor }, { flavors: listed })).toBe('excluded');
    expect(kind({ flavor: { ...flavor, id: 'g' } }, { flavors: listed })).toBe('admitted');
    expect(kind({ flavor }, { flavors: DOWN })).toBe('held');
  });

  it('takes a flavor for tagged that was tagged after the server was made, and one that was then', () => {
    const tagged = fact([{ id: 'f', name: 'small', extraSpecs: { evacuable: 'true' } }]);
    expect(kind({ flavor: specs({}) }, { flavors: tagged })).toBe('admitted');
    expect(kind({ flavor: { ...specs({}), name: 'big' } }, { flavors: tagged })).toBe('excluded');
    const since = fact([
      { id: 'f', name: 'small', extraSpecs: {} },
      { id: 'g', name: 'gold', extraSpecs: { evacuable: 'true' } },
    ]);
    expect(kind({ flavor: specs({ evacuable: 'true' }) }, { flavors: since })).toBe('admitted');
  });

  it('can be turned off; what is excluded stays so', () => {
    const off = policy({ instanceFiltering: false });
    const down = { images: DOWN, flavors: DOWN, aggregates: DOWN };
    expect(kind({}, down, off)).toBe('admitted');
    expect(kind({ metadata: { 'instance-ha:evacuate': 'false' } }, down, off)).toBe('excluded');
  });

  it('can be left to HA_Enabled alone', () => {
    const only = policy({ haEnabledOnly: true });
    expect(kind({}, {}, only)).toBe('excluded');
    expect(kind({ metadata: { HA_Enabled: 'True' } }, {}, only)).toBe('admitted');
    expect(kind({ metadata: { HA_Enabled: 'no' } }, {}, only)).toBe('excluded');
  });
});

describe('an exclusion', () => {
  it('by owner, project, name, image or flavor names what it goes by', () => {
    const metadata = { 'instance-ha:evacuate': 'No' };
    expect(select({ metadata })).toMatchObject({
      reason: expect.stringContaining('instance-ha:evacuate=No'),
    });
    expect(kind({ metadata: { 'instance-ha:evacuate': 'maybe' } })).toBe('admitted');
    expect(kind({}, {}, exclude({ projects: ['project'] }))).toBe('excluded');
    expect(kind({ name: 'ci-12' }, {}, exclude({ names: ['ci-*'] }))).toBe('excluded');
    expect(kind({ name: 'ci.12' }, {}, exclude({ names: ['ci-*', 'ci?1', '.*'] }))).toBe('admitted');
    expect(kind({ name: 'ci.12' }, {}, exclude({ names: ['ci?1?'] }))).toBe('excluded');
    expect(kind({}, {}, exclude({ images: ['image'] }))).toBe('excluded');
    const named = { images: fact([image('image', { name: 'cirros' })]) };
    expect(kind({}, named, exclude({ images: ['cirros'] }))).toBe('excluded');
    expect(kind({}, {}, exclude({ flavors: ['small'] }))).toBe('excluded');
    const flavors = fact([{ id: '42', name: 'small', extraSpecs: {} }]);
    expect(kind({}, { flavors }, exclude({ flavors: ['42'] }))).toBe('excluded');
    expect(kind({}, { flavors }, exclude({ flavors: ['large'] }))).toBe('admitted');
    // Before 2.47 Nova gives the id alone.
    const byId = { name: '', id: '42', extraSpecs: known({}) };
    expect(kind({ flavor: byId }, { flavors }, exclude({ flavors: ['42'] }))).toBe('excluded');
    expect(kind({ flavor: byId }, { flavors }, exclude({ flavors: ['small'] }))).toBe('excluded');
    expect(kind({ flavor: byId }, { flavors: DOWN }, exclude({ flavors: ['small'] }))).toBe('held');
  });

  it('leaves amphorae to Octavia where the policy says so', () => {
    const on = policy({ excludeAmphorae: true });
    const name = 'amphora-01234567-89ab-cdef-0123-456789abcdef';
    expect(kind({ name }, {}, on)).toBe('excluded');
    expect(kind({ name }, { images: DOWN }, on)).toBe('excluded');
    expect(kind({ name })).toBe('admitted');
    expect(kind({ name: 'amphora-collector' }, {}, on)).toBe('admitted');
    expect(kind({}, { images: fact([image('image', { tags: ['amphora'] })]) }, on)).toBe('excluded');
    expect(kind({}, {}, policy({ excludeAmphorae: true, amphoraProjects: ['project'] }))).toBe('excluded');
  });
});

describe('what is not known', () => {
  it('holds the instances that it decides about, and says which query failed', () => {
    expect(select({}, { images: DOWN })).toMatchObject({
      kind: 'held',
      reason: expect.stringContaining('images'),
    });
    expect(select({}, { flavors: DOWN })).toMatchObject({
      kind: 'held',
      reason: expect.stringContaining('flavors'),
    });
    expect(select({}, { aggregates: DOWN })).toMatchObject({
      kind: 'held',
      reason: expect.stringContaining('aggregates can’t be listed: 503'.replace('’', "'")),
    });
  });

  it('does not hold what is certain without it', () => {
    const gold = { flavor: specs({ evacuable: 'true' }) };
    expect(kind(gold, { images: DOWN, flavors: DOWN })).toBe('admitted');
    expect(kind({ name: 'ci-1' }, { images: DOWN }, exclude({ names: ['ci-*'] }))).toBe('excluded');
  });

  it('never admits an instance that some answer would have excluded', () => {
    const answers = <T>(values: T[]) => fc.constantFrom(...values.map((value) => fact(value)), DOWN);
    const tagged = { evacuable: 'true' };
    // The server's own flavor is small.
    const flavorLists = [[], ...['big', 'small'].map((name) => [{ id: 'f', name, extraSpecs: tagged }])];
    fc.assert(
      fc.property(
        answers([[], [image('image', { tags: ['evacuable'] })], [image('other', { tags: ['evacuable'] })]]),
        answers(flavorLists),
        answers([[], [aggregate([SOURCE], tagged)], [aggregate(['x'], tagged)]]),
        fc.constantFrom(specs({}), specs(tagged)),
        (images, flavors, aggregates, flavor) => {
          const found = kind({ flavor }, { images, flavors, aggregates });
          const completed = [
            [],
            [image('image', { tags: ['evacuable'] })],
            [image('o', { tags: ['evacuable'] })],
          ]
            .map((each) => (images.value.known ? images : fact(each)))
            .flatMap((i) =>
              flavorLists
                .map((each) => (flavors.value.known ? flavors : fact(each)))
                .flatMap((f) =>
                  [[], [aggregate([SOURCE], tagged)], [aggregate(['x'], tagged)]]
                    .map((each) => (aggregates.value.known ? aggregates : fact(each)))
                    .map((a) =>
                      kind({ flavor }, { images: i, flavors: f, aggregates: a } as Partial<CloudFacts>),
                    ),
                ),
            );
          if (found === 'held') expect(new Set(completed).size).toBeGreaterThan(1);
          else expect(new Set(completed)).toEqual(new Set([found]));
        },
      ),
    );
  });
});
