import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostName, nodeName, serverId } from '../../core/names.ts';
import { type IncidentReport, NO_MOMENTS, type ReportedInstance } from '../../core/report.ts';
import { keepIncident } from './incident-files.ts';
import { incidentMarkdown } from './incident-markdown.ts';

const BEGUN = Date.UTC(2026, 10, 23, 4, 0, 0, 250);

const instance = (n: number, more: Partial<ReportedInstance> = {}): ReportedInstance => ({
  id: serverId(`0000000${n}-0000-4000-8000-000000000000`),
  name: `vm-${n}`,
  outcome: 'moved',
  to: hostName('compute-2'),
  attempts: 1,
  disk: 'kept',
  startedAt: BEGUN + 2000,
  endedAt: BEGUN + 9400,
  durationMs: 7400,
  reason: 'runs on compute-2 as before (active)',
  differences: [],
  ...more,
});

const REPORT: IncidentReport = {
  incident: 'm1abc-17',
  node: nodeName('overcloud-compute-1'),
  host: hostName('compute-1'),
  state: 'released',
  text: 'all instances are accounted for',
  moments: { ...NO_MOMENTS, recordedAt: BEGUN },
  timeline: [
    { at: BEGUN, text: 'waiting for the proof that its power is off' },
    { at: BEGUN + 1500, text: 'telling Nova that the host is down' },
    { at: BEGUN + 9000, text: `an evacuation of ${instance(3).id} to compute-2 ended in failed` },
    { at: BEGUN + 62_000, text: 'evacuation complete; letting the node go' },
  ],
  gates: [
    {
      gate: {
        id: 'no-conductor',
        text: 'no nova-conductor is up',
        opens: 'a nova-conductor reports again',
        node: null,
      },
      from: BEGUN - 3000,
      until: BEGUN + 9000,
    },
  ],
  instances: [
    instance(1),
    instance(2, { name: 'a|b <script>\n# heading' }),
    instance(3, {
      outcome: 'failed',
      to: null,
      durationMs: null,
      attempts: 3,
      reason: '3 evacuations failed: No valid host was found.',
      differences: ['active is now error'],
    }),
    instance(4, { disk: 'rebuilt', differences: ['the floating address 192.0.2.9 is missing'] }),
  ],
};

describe('the report of an incident, for people', () => {
  it('begins with what became of it and what to look at', () => {
    expect(incidentMarkdown(REPORT)).toBe(`# overcloud-compute-1: 4 instances: 3 moved, 1 failed

- Incident: \`m1abc-17\`
- Host in Nova: \`compute-1\`
- Began: 2026-11-23 04:00:00 UTC
- State: released, the host is on its way back
- All instances are accounted for.

## To look at

- **vm-3** (\`00000003-0000-4000-8000-000000000000\`): failed. 3 evacuations failed: No valid host was found. And not as before: active is now error
- **vm-4** (\`00000004-0000-4000-8000-000000000000\`): not as before: the floating address 192.0.2.9 is missing

## Gates

| gate | after | closed for | why | what opens it |
| --- | --- | --- | --- | --- |
| no-conductor | -3.0 s | 12s | no nova-conductor is up | a nova-conductor reports again |

## Timeline

| time (UTC) | after | what |
| --- | --- | --- |
| 04:00:00.250 | +0.0 s | waiting for the proof that its power is off |
| 04:00:01.750 | +1.5 s | telling Nova that the host is down |
| 04:00:09.250 | +9.0 s | an evacuation of vm-3 to compute-2 ended in failed |
| 04:01:02.250 | +62.0 s | evacuation complete; letting the node go |

## Instances

| instance | id | outcome | to | took | disk | attempts | why |
| --- | --- | --- | --- | --- | --- | --- | --- |
| vm-1 | \`00000001-0000-4000-8000-000000000000\` | moved | compute-2 | 7.4 s | kept | 1 | runs on compute-2 as before (active) |
| a\\|b &lt;script> # heading | \`00000002-0000-4000-8000-000000000000\` | moved | compute-2 | 7.4 s | kept | 1 | runs on compute-2 as before (active) |
| vm-3 | \`00000003-0000-4000-8000-000000000000\` | failed | - | - | kept | 3 | 3 evacuations failed: No valid host was found. |
| vm-4 | \`00000004-0000-4000-8000-000000000000\` | moved | compute-2 | 7.4 s | rebuilt | 1 | runs on compute-2 as before (active) |
`);
  });

  it('says it when there was nothing to do', () => {
    const nothing = { ...REPORT, timeline: [], gates: [], instances: [] };
    const empty = incidentMarkdown(nothing);
    expect(empty).toContain('# overcloud-compute-1: no instances\n');
    expect(empty).toContain('There was none on this host.');
    // Who has not seen the release does not know.
    for (const other of [{ state: 'closed' }, { host: null }] as const)
      expect(incidentMarkdown({ ...nothing, ...other })).not.toContain('There was none');
  });
});

describe('the files of an incident', () => {
  let directory: string;
  beforeEach(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'incidents-')), 'incidents');
  });
  afterEach(() => rmSync(join(directory, '..'), { recursive: true }));

  it('are JSON and Markdown, for the owner and its group, and the newer takes the place of the older', async () => {
    expect(await keepIncident(directory, REPORT)).toBeNull();
    expect(await keepIncident(directory, { ...REPORT, state: 'closed' })).toBeNull();
    expect(readdirSync(directory).sort()).toEqual(['m1abc-17.json', 'm1abc-17.md']);
    const json = JSON.parse(readFileSync(join(directory, 'm1abc-17.json'), 'utf8'));
    expect(json).toMatchObject({ version: 1, state: 'closed', instances: [{ name: 'vm-1' }, {}, {}, {}] });
    expect(statSync(join(directory, 'm1abc-17.md')).mode & 0o777).toBe(0o640);
  });

  it('keep what an evacuator before this one wrote at the release, whatever this one knows of it', async () => {
    await keepIncident(directory, REPORT);
    const back = { at: BEGUN + 90_000, text: 'back, enabled and schedulable' };
    const seen = instance(1, { reason: 'by the records', differences: ['port p is DOWN'] });
    const closed: IncidentReport = {
      ...REPORT,
      state: 'closed',
      text: back.text,
      host: null,
      moments: { ...NO_MOMENTS, closedAt: back.at },
      timeline: [back],
      gates: [],
      instances: [seen],
    };
    // Closing the record may take more than one try.
    for (let tries = 0; tries < 2; tries++) await keepIncident(directory, closed);
    const json = JSON.parse(readFileSync(join(directory, 'm1abc-17.json'), 'utf8'));
    const [first, ...others] = REPORT.instances;
    expect(json).toMatchObject({ state: 'closed', text: back.text, host: 'compute-1', gates: REPORT.gates });
    expect(json.instances).toEqual([{ ...first, differences: ['port p is DOWN'] }, ...others]);
    expect(json.timeline).toEqual([...REPORT.timeline, back]);
    expect(readFileSync(join(directory, 'm1abc-17.md'), 'utf8')).toContain('| vm-4 |');
    writeFileSync(join(directory, 'm1abc-17.json'), '{"state": "released"}');
    expect(await keepIncident(directory, closed)).toBeNull();
    expect(JSON.parse(readFileSync(join(directory, 'm1abc-17.json'), 'utf8')).instances).toEqual([seen]);
  });

  it('stay in their directory, whatever the incident is called', async () => {
    expect(await keepIncident(directory, { ...REPORT, incident: '../../x y' })).toBeNull();
    expect(readdirSync(directory).sort()).toEqual(
      ['_.._.._x_y.json', '_.._.._x_y.md'].map((n) => n.replace('_.._', '_._')).sort(),
    );
  });

  it('go when there are too many, the oldest first', async () => {
    for (let n = 0; n < 4; n += 1) {
      await keepIncident(directory, { ...REPORT, incident: `i${n}` }, 3);
      utimesSync(join(directory, `i${n}.json`), n + 1, n + 1);
    }
    await keepIncident(directory, { ...REPORT, incident: 'i4' }, 3);
    expect(readdirSync(directory).filter((name) => name.endsWith('.md'))).toEqual([
      'i2.md',
      'i3.md',
      'i4.md',
    ]);
    expect(readdirSync(directory)).toHaveLength(6);
  });

  it('that cannot be kept are told, and nothing more', async () => {
    mkdirSync(join(directory, '..'), { recursive: true });
    writeFileSync(directory, 'a file');
    expect(await keepIncident(directory, REPORT)).toMatch(/the report of incident m1abc-17 can't be kept in/);
  });
});
