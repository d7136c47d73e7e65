import { describe, expect, it } from 'vitest';
import type { RequestEvent } from '../testbed/drill/events.ts';
import type { MigrationRow, ServerRow } from '../testbed/drill/observe.ts';
import { flood, keepWindow } from './loops.ts';
import { type Measured, measure, parseProcess, progressOf } from './measure.ts';
import { nameOf, parseBenchOptions, trialsOf } from './options.ts';
import { windowPlot } from './plot.ts';
import { benchTable, benchTargets, median } from './table.ts';

const id = (n: number): string => `0000000${n}-0000-4000-8000-000000000000`;

describe('the options', () => {
  it('measure everything unless told otherwise', () => {
    const options = parseBenchOptions([]);
    expect(options.instances).toEqual([50, 200]);
    expect(options.delaysS).toEqual([0, 8]);
    expect(options.methods.map(nameOf)).toEqual([
      'engine',
      'flood-1',
      'flood-8',
      'flood-32',
      'window-4',
      'window-8',
      'window-16',
    ]);
    expect(trialsOf(options)).toHaveLength(2 * 2 * 7 * 2);
  });

  it('go there and back, so that a slower machine is nobody’s advantage', () => {
    const options = parseBenchOptions([
      '--instances',
      '5',
      '--delays',
      '0',
      '--methods',
      'engine,flood-2,window-3',
    ]);
    expect(trialsOf(options).map((trial) => `${trial.round} ${nameOf(trial.method)}`)).toEqual([
      '0 engine',
      '0 flood-2',
      '0 window-3',
      '1 window-3',
      '1 flood-2',
      '1 engine',
    ]);
  });

  it.each([
    [['--instances', '0'], 'whole numbers from 1'],
    [['--instances', ''], 'at least one number'],
    [['--delays', '1.5'], 'whole numbers from 0'],
    [['--methods', 'flood'], 'flood-N'],
    [['--methods', 'flood-0'], 'whole numbers from 1'],
    [['--rounds'], 'needs a value'],
    [['--fast', '1'], 'unknown option'],
  ])('%j are refused', (args, words) => {
    expect(() => parseBenchOptions(args)).toThrow(words);
  });
});

describe('the bare loops', () => {
  const servers = Array.from({ length: 20 }, (_, n) => `s${n}`);

  it('flood with so many requests at once, each server once', async () => {
    let open = 0;
    let most = 0;
    const asked: string[] = [];
    const post = async (server: string): Promise<void> => {
      asked.push(server);
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 1));
      open -= 1;
    };
    await flood(servers, 8, { post });
    expect(asked.sort()).toEqual([...servers].sort());
    expect(most).toBe(8);
  });

  it('keep a window of unfinished evacuations, counted from the request on', async () => {
    const asked: string[] = [];
    const over = new Set<string>();
    let most = 0;
    const port = {
      post: async (server: string): Promise<void> => {
        asked.push(server);
        most = Math.max(most, asked.length - over.size);
      },
      isOver: (server: string) => over.has(server),
      // One evacuation ends at each look, the oldest first.
      looked: async (): Promise<void> => {
        const next = asked.find((server) => !over.has(server));
        if (next !== undefined) over.add(next);
      },
    };
    await keepWindow(servers, 4, port, new AbortController().signal);
    expect(asked).toEqual(servers);
    expect(most).toBe(4);
  });

  it('end when they are interrupted', async () => {
    const interrupt = new AbortController();
    const port = {
      post: async () => {},
      isOver: () => false,
      looked: async () => interrupt.abort(),
    };
    await keepWindow(servers, 2, port, interrupt.signal);
    expect(interrupt.signal.aborted).toBe(true);
  });
});

describe('the progress', () => {
  const server = (n: number, host: string, more: Partial<ServerRow> = {}): ServerRow => ({
    id: id(n),
    host,
    vmState: 'active',
    taskState: null,
    locked: false,
    ...more,
  });
  const migration = (record: number, n: number, status: string): MigrationRow => ({
    id: record,
    server: id(n),
    status,
    source: 'compute-1',
    dest: 'compute-2',
    createdAt: 0,
  });

  it('believes in an arrival only when the server is elsewhere, active and idle', () => {
    const look = {
      at: 0,
      services: [],
      servers: [
        server(1, 'compute-2'),
        server(2, 'compute-2', { taskState: 'rebuild_spawning' }),
        server(3, 'compute-1', { vmState: 'error' }),
        server(4, 'compute-1'),
        server(5, 'compute-1', { vmState: 'error' }),
      ],
      migrations: [
        migration(1, 1, 'done'),
        migration(2, 2, 'pre-migrating'),
        migration(3, 3, 'failed'),
        migration(4, 5, 'error'),
        // Asked for again.
        migration(5, 5, 'accepted'),
      ],
    };
    const progress = progressOf(look, [1, 2, 3, 4, 5].map(id), 'compute-1');
    expect([...progress.arrived]).toEqual([id(1)]);
    expect([...progress.failed]).toEqual([id(3)]);
    expect([...progress.over].sort()).toEqual([id(1), id(3)]);
    expect(progress.inFlight).toBe(2);
  });
});

describe('the figures', () => {
  const request = (at: number, client: string, method: string, path: string): RequestEvent => ({
    kind: 'request',
    at,
    client,
    method,
    path,
    status: 200,
    seconds: 0.1,
  });
  const trial = { method: { kind: 'engine' }, instances: 2, delayS: 0, round: 0 } as const;

  it('go from the first request to the last arrival, and count until the release', () => {
    const measured = measure({
      trial,
      servers: [id(1), id(2)],
      clients: new Set(['10.99.0.11']),
      requests: [
        request(9, '10.99.0.11', 'GET', '/v2.1/os-services'),
        request(10, '10.99.0.11', 'POST', `/v2.1/servers/${id(1)}/action`),
        request(11, '10.99.0.11', 'POST', `/v2.1/servers/${id(2)}/action`),
        request(8, '10.99.0.250', 'POST', `/v2.1/servers/${id(1)}/action`),
        request(9.5, '10.99.0.11', 'POST', `/v2.1/servers/${id(7)}/action`),
        request(30, '10.99.0.11', 'GET', '/v2.1/os-services'),
      ],
      lastArrivalAt: 15,
      releasedAt: 16,
      samples: [],
      failed: 0,
      before: { cpuS: 1, peakMiB: 70, window: null },
      after: { cpuS: 1.5, peakMiB: 80, window: null },
    });
    expect(measured).toMatchObject({
      seconds: 5,
      posts: 2,
      requestsEach: 2,
      cpuS: 0.5,
      peakMiB: 80,
      firstRequestAt: 10,
    });
  });

  it('read the evacuator’s process', () => {
    const stat = `4711 (node (x)) S 1 4711 4711 0 -1 4194560 9 0 0 0 150 50 20 10 20 0 11 0 100`;
    const status = '{"pid":4711,"start":"100","pace":{"window":12,"inFlight":9}}';
    const text = `${status}\n${stat}\nVmHWM:\t   81920 kB\n`;
    expect(parseProcess(text)).toEqual({ cpuS: 2.3, peakMiB: 80, window: 12 });
    expect(parseProcess(text.replace('"pace":{"window":12,"inFlight":9}', '"pace":null'))?.window).toBeNull();
    expect(parseProcess('')).toBeNull();
  });

  it('take the median, and what did not end for not measured', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([1, 2])).toBe(1.5);
    expect(median([1, null])).toBeNull();
    expect(median([])).toBeNull();
  });

  const measured = (
    method: Measured['trial']['method'],
    seconds: number | null,
    more: Partial<Measured> = {},
  ): Measured => ({
    trial: { method, instances: 50, delayS: 0, round: 0 },
    seconds,
    posts: 50,
    requestsEach: null,
    failed: 0,
    cpuS: null,
    peakMiB: null,
    firstRequestAt: 0,
    samples: [],
    ...more,
  });
  const all = [
    measured({ kind: 'engine' }, 18, { requestsEach: 1.2, cpuS: 0.84, peakMiB: 71.4 }),
    measured({ kind: 'engine' }, 20, { requestsEach: 1.24, cpuS: 0.8, peakMiB: 72 }),
    measured({ kind: 'flood', atOnce: 8 }, 27),
    measured({ kind: 'window', unfinished: 8 }, 18),
    measured({ kind: 'window', unfinished: 4 }, 10, { failed: 3 }),
    measured({ kind: 'flood', atOnce: 32 }, null),
  ];

  it('make a table that reads well', () => {
    expect(benchTable(all)).toBe(
      [
        '| servers | spawn | method   | runs | seconds | of best loop | POSTs | failed | requests each | CPU s | peak MiB |',
        '| ------- | ----- | -------- | ---- | ------- | ------------ | ----- | ------ | ------------- | ----- | -------- |',
        '|      50 |   0 s | engine   |    2 |    19.0 |         1.06 |    50 |      0 |          1.22 |  0.82 |       72 |',
        '|      50 |   0 s | flood-8  |    1 |    27.0 |         1.50 |    50 |      0 |             - |     - |        - |',
        '|      50 |   0 s | window-8 |    1 |    18.0 |         1.00 |    50 |      0 |             - |     - |        - |',
        '|      50 |   0 s | window-4 |    1 |    10.0 |         0.56 |    50 |      3 |             - |     - |        - |',
        '|      50 |   0 s | flood-32 |    1 |       - |            - |    50 |      0 |             - |     - |        - |',
      ].join('\n'),
    );
  });

  it('are held against their targets; a loop that left somebody behind is no best one', () => {
    expect(benchTargets(all)).toEqual([
      'met           50 servers, spawns of 0 s: 1.06 of the best bare loop, at most 1.10 (best: window-8, 18.0 s)',
      'met           50 servers, spawns of 0 s: 1.22 requests an instance, at most 1.3',
    ]);
    expect(benchTargets([measured({ kind: 'engine' }, 30, { requestsEach: 1.4 }), ...all.slice(2)])).toEqual([
      expect.stringMatching(/^MISSED .* 1\.67 of the best/),
      expect.stringMatching(/^MISSED .* 1\.40 requests/),
    ]);
  });

  it('are drawn: the window, what is in flight, the arrivals', () => {
    const samples = [
      { at: -1, arrived: 0, inFlight: 0, window: null },
      { at: 0, arrived: 0, inFlight: 1, window: 8 },
      { at: 5, arrived: 10, inFlight: 8, window: 12 },
      { at: 19, arrived: 50, inFlight: 0, window: 12 },
    ];
    const svg = windowPlot(measured({ kind: 'engine' }, 19, { samples }));
    expect(svg).toMatch(/^<svg [^>]*xmlns=.*<\/svg>\n$/s);
    expect(svg.match(/<polyline/g)).toHaveLength(3);
    expect(svg).not.toContain('NaN');
    expect(windowPlot(measured({ kind: 'engine' }, null))).not.toContain('NaN');
  });
});
