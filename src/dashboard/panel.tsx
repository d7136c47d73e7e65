import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { HostRow, IncidentRow, InstanceRow, View } from '../view/model.ts';
import { ProgressBar, Section, StateBadge, Time } from './parts.tsx';
import { timelineOf } from './timeline.ts';
import { VirtualGrid } from './virtual.tsx';
import { OUTCOME_WORDS, sayCount, sayDuration } from './words.ts';

/** Incidents of one host shown with their timelines. */
const MAX_INCIDENTS = 3;

/** In which order instances are listed: what needs a look first. */
const RANK: Readonly<Record<string, number>> = {
  failed: 0,
  cannot: 1,
  unanswered: 2,
  restoring: 3,
  moving: 4,
  verifying: 5,
  ready: 6,
  waiting: 7,
  excluded: 8,
  gone: 9,
  moved: 10,
};

/** All about one host. */
export function HostPanel(props: {
  readonly name: string;
  readonly view: View;
  readonly now: number;
  readonly controls: JSX.Element | null;
  readonly onClose: () => void;
}): JSX.Element {
  const { name, view, now, controls, onClose } = props;
  const row = view.hosts.get(name);
  const close = useRef<HTMLButtonElement>(null);
  // Where the panel covers the page, the keyboard has to be in it.
  useEffect(() => {
    if (matchMedia('(max-width: 999px)').matches) close.current?.focus();
  }, [name]);
  const incidents = [...view.incidents]
    .filter(([, incident]) => incident.node === name)
    .sort(([, a], [, b]) => (b.recordedAt ?? 0) - (a.recordedAt ?? 0))
    .slice(0, MAX_INCIDENTS);
  // The story of what goes on comes before the list, that of what is over after it.
  const standing = incidents.filter(([, { phase }]) => phase !== 'over');
  const over = incidents.filter(([, { phase }]) => phase === 'over');
  return (
    <article class="panel" aria-label={`Host ${name}`}>
      <header class="panel-head">
        <h2>{name}</h2>
        {row === undefined ? null : <StateBadge state={row.state} />}
        <button
          ref={close}
          type="button"
          class="quiet"
          onClick={onClose}
          aria-label="Close"
          title="Close (Esc)"
        >
          ✕
        </button>
      </header>
      {row === undefined ? (
        <p class="dim">There is no host of this name any more.</p>
      ) : (
        <HostFacts row={row} cloudTrouble={view.overview.cloudTrouble} />
      )}
      {controls}
      {standing.map(([id, incident]) => (
        <Incident key={id} id={id} incident={incident} view={view} now={now} />
      ))}
      <Instances
        name={name}
        host={row?.host ?? null}
        instances={view.instances}
        isListed={view.overview.inventoryAt !== null}
      />
      {over.map(([id, incident]) => (
        <Incident key={id} id={id} incident={incident} view={view} now={now} />
      ))}
      <Fencing view={view} now={now} target={name} />
    </article>
  );
}

function HostFacts(props: { readonly row: HostRow; readonly cloudTrouble: string | null }): JSX.Element {
  const { row, cloudTrouble } = props;
  const { service } = row;
  return (
    <>
      {row.text === null ? null : <p class="verdict">{row.text}</p>}
      {row.progress === null ? null : <ProgressBar progress={row.progress} />}
      <dl class="pairs">
        <dt>Pacemaker</dt>
        <dd>
          {row.node === null
            ? 'has no node for it'
            : row.online === null
              ? 'does not say'
              : row.online
                ? 'online'
                : 'offline'}
        </dd>
        <dt>nova-compute</dt>
        <dd>
          {service === null
            ? cloudTrouble === null
              ? 'not named by Nova'
              : "Nova can't be asked"
            : `${service.state}, ${service.status}`}
          {service?.forcedDown ? ', forced down' : ''}
        </dd>
        {service?.reason ? (
          <>
            <dt>reason</dt>
            <dd>{service.reason}</dd>
          </>
        ) : null}
        {row.host !== null && row.host !== row.name ? (
          <>
            <dt>Nova's name</dt>
            <dd>{row.host}</dd>
          </>
        ) : null}
      </dl>
    </>
  );
}

function Instances(props: {
  readonly name: string;
  readonly host: string | null;
  readonly instances: ReadonlyMap<string, InstanceRow>;
  readonly isListed: boolean;
}): JSX.Element {
  const { name, host, instances, isListed } = props;
  const rows = [...instances].filter(
    ([, row]) => row.host === (host ?? name) || (row.move !== null && row.move.from === (host ?? name)),
  );
  const rank = ([, { move }]: [string, InstanceRow]): number =>
    move === null ? 99 : (RANK[move.outcome] ?? 50);
  rows.sort((a, b) => rank(a) - rank(b) || (a[1].name < b[1].name ? -1 : 1));
  return (
    <Section
      title="Instances"
      note={isListed || rows.length > 0 ? sayCount(rows.length, 'instance') : 'not listed yet'}
    >
      <VirtualGrid
        count={rows.length}
        minWidth={240}
        rowHeight={44}
        gap={2}
        label={`Instances of ${name}`}
        keyOf={(index) => rows[index]?.[0] ?? ''}
        item={(index) => <Instance entry={rows[index]} at={host ?? name} />}
      />
    </Section>
  );
}

function Instance({
  entry,
  at,
}: {
  readonly entry: [string, InstanceRow] | undefined;
  readonly at: string;
}): JSX.Element | null {
  if (entry === undefined) return null;
  const [id, { name, move }] = entry;
  const differs =
    move !== null && move.differences.length > 0 ? ` Different: ${move.differences.join('; ')}.` : '';
  const isArriving = move !== null && move.from !== at;
  const text = move === null ? '' : isArriving ? `from ${move.from}: ${move.text}` : move.text;
  return (
    <div class={`instance o-${move?.outcome ?? 'none'}`} title={`${name}\n${id}\n${text}${differs}`}>
      <b class="name">{name}</b>
      <span class="outcome">
        {move === null ? 'here' : OUTCOME_WORDS[move.outcome]}
        {move !== null && move.attempts > 1 ? ` · attempt ${move.attempts}` : ''}
      </span>
      <span class="text">
        {text === '' ? id : text}
        {differs === '' ? null : <em class="bad">{differs}</em>}
      </span>
    </div>
  );
}

function Incident(props: {
  readonly id: string;
  readonly incident: IncidentRow;
  readonly view: View;
  readonly now: number;
}): JSX.Element {
  const { id, incident, view, now } = props;
  const entries = timelineOf(id, incident, [...view.lines.values()]);
  const begun = entries[0]?.at ?? null;
  const end = incident.endedAt ?? now;
  return (
    <Section
      title={`Incident ${id}`}
      note={begun === null ? undefined : `${incident.phase}, ${sayDuration(end - begun)}`}
    >
      <ol class="timeline">
        {entries.map((entry) => (
          <li key={`${entry.at} ${entry.text}`} class={`l-${entry.kind}`}>
            <Time at={entry.until ?? entry.at} now={now} />
            <span class="plus">
              {begun === null ? '' : `+${sayDuration((entry.until ?? entry.at) - begun)}`}
            </span>
            <span class="what">{entry.text}</span>
          </li>
        ))}
      </ol>
    </Section>
  );
}

/** The fencing history, of one node or of all. */
export function Fencing(props: {
  readonly view: View;
  readonly now: number;
  readonly target: string | null;
}): JSX.Element {
  const { view, now, target } = props;
  const rows = [...view.fencing.values()]
    .filter((row) => target === null || row.target === target)
    .sort((a, b) => (b.completedAt ?? Number.POSITIVE_INFINITY) - (a.completedAt ?? Number.POSITIVE_INFINITY))
    .slice(0, 30);
  const trouble = view.overview.fencingTrouble;
  return (
    <Section
      title="Fencing"
      note={rows.length === 0 ? (trouble ?? 'none remembered by the cluster') : undefined}
    >
      <ul class="rows">
        {rows.map((row) => (
          <li
            key={`${row.target} ${row.completedAt} ${row.action} ${row.status} ${row.client}`}
            class={`f-${row.status}`}
          >
            <span class="when">
              {row.completedAt === null ? 'now' : <Time at={row.completedAt} now={now} />}
            </span>
            <span>
              <b>{row.action}</b> {target === null ? `of ${row.target} ` : ''}
              <span class={row.status === 'failed' ? 'bad' : ''}>
                {row.status === 'pending' ? 'under way' : row.status}
              </span>
              <span class="dim">{row.by === null ? '' : ` by ${row.by}`}</span>
              {row.reason === null || row.reason === '' ? null : <span class="dim">: {row.reason}</span>}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
