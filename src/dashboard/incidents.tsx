import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { View } from '../view/model.ts';
import { authorisation } from './connection.ts';
import { Section, Time } from './parts.tsx';
import { Report } from './report.tsx';
import { sayCount, sayDuration } from './words.ts';

interface ReportEntry {
  readonly id: string;
  readonly at: number;
  readonly node: string | null;
}

/** Incidents that stand or have just ended, and the reports of all that were kept. */
export function Incidents(props: {
  readonly view: View;
  readonly now: number;
  readonly onOpen: (host: string) => void;
}): JSX.Element {
  const { view, now, onOpen } = props;
  const incidents = [...view.incidents].sort(([, a], [, b]) => (b.recordedAt ?? 0) - (a.recordedAt ?? 0));
  const over = incidents.filter(([, row]) => row.phase === 'over' || row.releasedAt !== null).length;
  const reports = useReports(over);
  const [shown, setShown] = useState<string | null>(null);
  return (
    <>
      <Section
        title="Incidents"
        note={incidents.length === 0 ? 'none since this evacuator began' : undefined}
      >
        <ul class="rows">
          {incidents.map(([id, row]) => (
            <li key={id}>
              <span class="when">
                {row.recordedAt === null ? '–' : <Time at={row.recordedAt} now={now} />}
              </span>
              <button type="button" class="link" onClick={() => onOpen(row.node)}>
                <b>{row.node}</b> <span class={row.phase === 'blocked' ? 'bad' : ''}>{row.phase}</span>
                <span class="dim">
                  {row.progress === null
                    ? ''
                    : ` · ${row.progress.moved} of ${sayCount(row.progress.total, 'instance')} moved`}
                  {row.recordedAt === null ? '' : ` · ${sayDuration((row.endedAt ?? now) - row.recordedAt)}`}
                </span>
              </button>
            </li>
          ))}
        </ul>
      </Section>
      <Section title="Reports" note={reports.length === 0 ? 'none kept on this controller' : undefined}>
        <ul class="rows">
          {reports.map(({ id, at, node }) => (
            <li key={id}>
              <span class="when">
                <Time at={at} now={now} />
              </span>
              <button type="button" class="link" onClick={() => setShown(id)}>
                <b>{node ?? 'incident'}</b> <span class="dim">{id}</span>
              </button>
            </li>
          ))}
        </ul>
      </Section>
      {shown === null ? null : <Report id={shown} onClose={() => setShown(null)} />}
    </>
  );
}

/** The list is read again when an incident has moved on: a report is written at the release and at the end. */
function useReports(version: number): readonly ReportEntry[] {
  const [reports, setReports] = useState<readonly ReportEntry[]>([]);
  // The number says that there may be new ones.
  useEffect(() => {
    const left = new AbortController();
    fetch('/api/reports', { headers: authorisation(), signal: left.signal })
      .then((response) => (response.ok ? response.json() : { reports: [] }))
      .then((body: { reports: readonly ReportEntry[] }) => setReports(body.reports))
      .catch(() => {});
    return () => left.abort();
  }, [version]);
  return reports;
}
