import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { IncidentReport, ReportedInstance } from '../core/report.ts';
import { authorisation } from './connection.ts';
import { OUTCOME_WORDS, sayCount, sayDuration } from './words.ts';

type Reading = 'pending' | 'gone' | IncidentReport;

/** One incident's report, made of its JSON: every text in it is a text, whoever wrote it. */
export function Report({ id, onClose }: { readonly id: string; readonly onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reading, setReading] = useState<Reading>('pending');
  useEffect(() => {
    dialog.current?.showModal();
    fetch(`/api/reports/${id}.json`, { headers: authorisation() })
      .then((response) => (response.ok ? response.json() : 'gone'))
      .then((report: Reading) => setReading(report))
      .catch(() => setReading('gone'));
  }, [id]);
  return (
    <dialog ref={dialog} class="report" aria-label={`Report ${id}`} onClose={onClose}>
      <header class="panel-head">
        <h2>{typeof reading === 'string' ? id : `${reading.node}: ${sayOutcomes(reading.instances)}`}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
          ✕
        </button>
      </header>
      {reading === 'pending' ? <p>…</p> : null}
      {reading === 'gone' ? <p>This report is no longer there.</p> : null}
      {typeof reading === 'string' ? null : <Contents report={reading} />}
    </dialog>
  );
}

function Contents({ report }: { readonly report: IncidentReport }): JSX.Element {
  const { incident, host, state, text, timeline, gates, instances } = report;
  const begun = timeline[0]?.at ?? null;
  // A gate may have been closed before.
  const after = (at: number): string =>
    begun === null ? '–' : `${at < begun ? '−' : '+'}${(Math.abs(at - begun) / 1000).toFixed(1)} s`;
  return (
    <div class="report-body">
      <p>
        {text} · {state === 'closed' ? 'closed, the host is back' : 'released, the host is on its way back'}
      </p>
      <p class="dim">
        {begun === null ? '' : `${new Date(begun).toLocaleString()} · `}
        host in Nova: {host ?? 'unknown'} · incident {incident}
      </p>
      <h3>Timeline</h3>
      <Table
        head={['after', 'what']}
        rows={timeline.map(({ at, text: what }) => [after(at), withNames(what, instances)])}
      />
      {gates.length === 0 ? null : (
        <>
          <h3>Gates</h3>
          <Table
            head={['after', 'gate', 'closed for', 'why', 'what opens it']}
            rows={gates.map(({ gate, from, until }) => [
              after(from),
              gate.id,
              until === null ? 'still closed' : sayDuration(until - from),
              gate.text,
              gate.opens,
            ])}
          />
        </>
      )}
      <h3>Instances</h3>
      <Table
        head={['instance', 'outcome', 'to', 'took', 'disk', 'why']}
        rows={instances.map((each) => [
          each.name,
          OUTCOME_WORDS[each.outcome],
          each.to ?? '–',
          each.durationMs === null ? '–' : `${(each.durationMs / 1000).toFixed(1)} s`,
          each.disk,
          [each.reason, ...each.differences.map((difference) => `not as before: ${difference}`)].join('; '),
        ])}
      />
    </div>
  );
}

function Table(props: {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}): JSX.Element {
  return (
    <table>
      <thead>
        <tr>
          {props.head.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.rows.map((cells, row) => (
          <tr key={row}>
            {cells.map((cell, column) => (
              <td key={props.head[column]}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** People know an instance by its name. */
function withNames(text: string, instances: readonly ReportedInstance[]): string {
  return instances.reduce((said, { id, name }) => said.replaceAll(id, () => name), text);
}

/** `12 instances: 11 moved, 1 failed`. */
function sayOutcomes(instances: readonly ReportedInstance[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of instances)
    counts.set(OUTCOME_WORDS[outcome], (counts.get(OUTCOME_WORDS[outcome]) ?? 0) + 1);
  const each = [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
  return each === '' ? 'no instances' : `${sayCount(instances.length, 'instance')}: ${each}`;
}
