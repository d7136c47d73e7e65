import type { Decision, InstanceVerdict } from '../core/decision.ts';
import type { NodeName, ServerId } from '../core/names.ts';
import type { Observation } from '../core/observation.ts';
import type { JournalPort } from './ports.ts';
import { completeReport, newReports, noteGates, type Reports } from './reports.ts';

/** The words last written about each host and instance, so that only changes go into the log. */
interface Said {
  readonly lines: ReadonlyMap<string, string>;
  /** By node: an instance that has come from one dead host to another has a verdict of each. */
  readonly instances: ReadonlyMap<NodeName, ReadonlyMap<ServerId, InstanceVerdict>>;
}

/** What has been written down by this process. */
export interface Written {
  said: Said;
  readonly reports: Reports;
}

/** Nothing has been said yet: the first tick writes all verdicts down. There is one for the life of an evacuator. */
export const newWritten = (): Written => ({
  said: { lines: new Map(), instances: new Map() },
  reports: newReports(),
});

/** Writes a tick down: the state as it is (with the sign of life), and every verdict that has changed. */
export function record(
  journal: JournalPort,
  written: Written,
  observation: Observation,
  decision: Decision,
): void {
  const { reports } = written;
  noteGates(reports, decision.gates, observation.now);
  for (const draft of decision.reports) journal.report(completeReport(reports, draft));
  const lines = new Map<string, string>();
  const tell = (key: string, text: string, line: () => Parameters<JournalPort['event']>[0]): void => {
    lines.set(key, text);
    if (written.said.lines.get(key) !== text) journal.event(line());
  };
  for (const gate of decision.gates) {
    // What holds up one node is told in that node's verdict.
    if (gate.node !== null) continue;
    const msg = `${gate.text}; it opens when ${gate.opens}`;
    tell(`gate ${gate.id}`, msg, () => ({ level: 'warn', msg }));
  }
  const cloudTrouble =
    observation.services.known || observation.servicesAt < 0 ? null : observation.services.reason;
  if (cloudTrouble !== null)
    tell('cloud', cloudTrouble, () => ({ level: 'warn', msg: `the cloud can't be asked: ${cloudTrouble}` }));
  const instances = new Map<NodeName, Map<ServerId, InstanceVerdict>>();
  for (const verdict of decision.verdicts) {
    const { node, host, incident } = verdict;
    const about = { node, ...(host === null ? {} : { host }), ...(incident === null ? {} : { incident }) };
    tell(`node ${node}`, `${verdict.phase} ${verdict.text}`, () => ({
      level: verdict.phase === 'blocked' ? 'warn' : 'info',
      msg: verdict.text,
      ...about,
    }));
    const before = written.said.instances.get(node);
    const its = instances.get(node) ?? new Map<ServerId, InstanceVerdict>();
    instances.set(node, its);
    for (const instance of verdict.instances) {
      const { id, name, outcome, text } = instance;
      its.set(id, instance);
      const held = before?.get(id);
      if (held?.outcome === outcome && held.text === text) continue;
      journal.event({
        level: outcome === 'failed' || outcome === 'cannot' ? 'warn' : 'info',
        msg: `${name} (${outcome}): ${text}`,
        ...about,
        server: id,
      });
    }
  }
  written.said = { lines, instances };
  journal.tick({
    at: observation.now,
    mono: observation.mono,
    gates: decision.gates,
    verdicts: decision.verdicts,
    pace: decision.pace,
    cloudTrouble,
    observation,
  });
}
