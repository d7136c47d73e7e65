import type { Decision } from '../core/decision.ts';
import type { Observation } from '../core/observation.ts';
import type { JournalPort } from './ports.ts';
import { completeReport, noteGates, type Reports } from './reports.ts';

/** The words last written about each host and instance, so that only changes go into the log. */
type Said = ReadonlyMap<string, string>;

/** What has been written down by this process. */
export interface Written {
  said: Said;
  readonly reports: Reports;
}

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
  const now = new Map<string, string>();
  const tell = (key: string, text: string, line: () => Parameters<JournalPort['event']>[0]): void => {
    now.set(key, text);
    if (written.said.get(key) !== text) journal.event(line());
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
  for (const verdict of decision.verdicts) {
    const { node, host, incident, text } = verdict;
    const about = { node, ...(host === null ? {} : { host }), ...(incident === null ? {} : { incident }) };
    tell(`node ${node}`, `${verdict.phase} ${text}`, () => ({
      level: verdict.phase === 'blocked' ? 'warn' : 'info',
      msg: text,
      ...about,
    }));
    for (const instance of verdict.instances) {
      tell(`server ${node} ${instance.id}`, `${instance.outcome} ${instance.text}`, () => ({
        level: instance.outcome === 'failed' || instance.outcome === 'cannot' ? 'warn' : 'info',
        msg: `${instance.name} (${instance.outcome}): ${instance.text}`,
        ...about,
        server: instance.id,
      }));
    }
  }
  written.said = now;
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
