import { describe, expect, it } from 'vitest';
import { checksOf } from './checks.ts';
import type { Facts } from './facts.ts';
import { figuresOf } from './figures.ts';
import { markdownReport, type Report, reportOf, sumLine, terminalReport } from './report.ts';
import { goodFacts } from './testing.ts';
import { timelineOf } from './timeline.ts';

const report = (facts: Facts): Report =>
  reportOf(facts, 'a story', timelineOf(facts.events, facts.plan), figuresOf(facts), checksOf(facts));

describe('the report', () => {
  it('has a row for each instance and control', () => {
    const rows = report(goodFacts()).instances;
    expect(rows).toHaveLength(13);
    expect(rows[0]).toEqual({
      name: 'drill-active-1',
      id: expect.any(String),
      before: 'active',
      after: 'active',
      from: 'compute-1',
      to: 'compute-2',
      addresses: '172.30.0.1 198.18.0.1 kept',
      attempts: 1,
      seconds: 8,
      reason: '',
    });
    const paused = rows.find((row) => row.name === 'drill-paused-1');
    expect(paused).toMatchObject({
      to: 'compute-1',
      attempts: 0,
      seconds: null,
      reason: 'cannot: Nova does not evacuate it',
    });
  });
  it('tells the story of every host that failed', () => {
    const facts = goodFacts('two-hosts');
    const titles = report({
      ...facts,
      plan: { ...facts.plan, victims: ['compute-1', 'compute-2'] },
    }).timeline;
    expect(titles.map(({ title }) => title)).toContain('compute-1: node booted');
    expect(titles.map(({ title }) => title)).toContain('compute-2: node booted');
  });
  it('is in the order in which things happened', () => {
    const { timeline } = report(goodFacts());
    const seen = timeline.map((row) => row.seconds).filter((value) => value !== null);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(timeline).toHaveLength(18);
  });
  it('says in the terminal what failed and why', () => {
    const text = terminalReport(report({ ...goodFacts(), clusterTrouble: ['compute-1 is offline'] }));
    expect(text).toContain(
      '  FAIL in the end all nodes are online and every resource is started\n         compute-1 is offline',
    );
    expect(text).toContain('mark → first evacuate request: 0.30 s (target 1.5 s)');
    expect(text).toMatch(/ {2}drill-paused-1 +paused +stopped +compute-1 +stayed/);
  });
  it('says when it may have missed something', () => {
    expect(report({ ...goodFacts(), longestGapS: 9 }).remarks).toHaveLength(1);
    expect(terminalReport(report({ ...goodFacts(), longestGapS: 9 }))).toContain('not looked at for 9.0 s');
  });
  it('is Markdown too, with no bar in a cell', () => {
    const facts = goodFacts();
    const text = markdownReport([report({ ...facts, clusterTrouble: ['a|b'] })]);
    expect(text).toContain('## power-loss: a story');
    expect(text).toContain('a\\|b');
    expect(text).toContain('| **FAIL** |');
  });
  it('ends with the sum', () => {
    const good = report(goodFacts());
    const bad = report({ ...goodFacts(), settled: false });
    expect(sumLine([good])).toBe(`${good.passed} passed, 0 failed`);
    expect(sumLine([good, bad])).toBe(`${good.passed + bad.passed} passed, 1 failed`);
  });
});
