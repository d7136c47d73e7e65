import type { JSX } from 'preact';
import type { HostRow, HostState, InstanceRow } from '../view/model.ts';
import { HOST_STATES } from '../view/model.ts';
import { ProgressBar, Section, StateBadge } from './parts.tsx';
import { VirtualGrid } from './virtual.tsx';
import { inOrder, NEEDS_A_LOOK, STATE_WORDS, sayCount, sayNumber } from './words.ts';

/** Instances listed that fit what is looked for. */
const MAX_FOUND = 30;

export interface Filter {
  readonly text: string;
  readonly state: HostState | null;
}

/** How many hosts are in which state; pressing one shows these only. */
export function StateChips(props: {
  readonly hosts: ReadonlyMap<string, HostRow>;
  readonly filter: Filter;
  readonly onFilter: (filter: Filter) => void;
}): JSX.Element {
  const { hosts, filter, onFilter } = props;
  const counts = new Map<HostState, number>();
  for (const { state } of hosts.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return (
    <fieldset class="chips" aria-label="Show hosts by state">
      {HOST_STATES.toReversed()
        .filter((state) => counts.has(state) || filter.state === state)
        .map((state) => (
          <button
            key={state}
            type="button"
            class={`chip s-${state}`}
            aria-pressed={filter.state === state}
            onClick={() => onFilter({ ...filter, state: filter.state === state ? null : state })}
          >
            <span aria-hidden="true">{STATE_WORDS[state].sign}</span>{' '}
            <b>{sayNumber(counts.get(state) ?? 0)}</b> {STATE_WORDS[state].word}
          </button>
        ))}
    </fieldset>
  );
}

/** The instances that are looked for by name or id. */
export function Found(props: {
  readonly text: string;
  readonly instances: ReadonlyMap<string, InstanceRow>;
  readonly onOpen: (host: string) => void;
}): JSX.Element | null {
  const text = props.text.trim().toLowerCase();
  if (text.length < 2) return null;
  const found: [string, InstanceRow][] = [];
  let more = 0;
  for (const [id, row] of props.instances) {
    if (!row.name.toLowerCase().includes(text) && !id.startsWith(text)) continue;
    if (found.length < MAX_FOUND) found.push([id, row]);
    else more++;
  }
  if (found.length === 0) return null;
  return (
    <Section title="Instances" note={`${sayNumber(found.length + more)} found`}>
      <ul class="found">
        {found.map(([id, row]) => (
          <li key={id}>
            <button
              type="button"
              onClick={() => props.onOpen(row.move?.from ?? row.host ?? '')}
              disabled={row.host === null && row.move === null}
            >
              <b>{row.name}</b> <span class="dim">{row.host === null ? 'on no host' : `on ${row.host}`}</span>
              {row.move === null ? null : <span class="dim"> · {row.move.text}</span>}
            </button>
          </li>
        ))}
        {more > 0 ? <li class="dim">and {sayNumber(more)} more</li> : null}
      </ul>
    </Section>
  );
}

export function Hosts(props: {
  readonly hosts: ReadonlyMap<string, HostRow>;
  readonly filter: Filter;
  readonly selected: string | null;
  /** Nothing holds anything up, so that "nothing goes on" may be said. */
  readonly isCalm: boolean;
  readonly onOpen: (host: string) => void;
}): JSX.Element {
  const { hosts, filter, selected, isCalm, onOpen } = props;
  const text = filter.text.trim().toLowerCase();
  const rows: HostRow[] = [];
  for (const name of inOrder(hosts)) {
    const row = hosts.get(name);
    if (row === undefined || (filter.state !== null && row.state !== filter.state)) continue;
    if (text === '' || name.toLowerCase().includes(text)) rows.push(row);
  }
  const large = rows.filter(({ state }) => NEEDS_A_LOOK.has(state));
  large.sort((a, b) => HOST_STATES.indexOf(b.state) - HOST_STATES.indexOf(a.state));
  const small = rows.filter(({ state }) => !NEEDS_A_LOOK.has(state));
  const most = Math.max(1, ...small.map(({ instances }) => instances ?? 0));
  const all = hosts.size;
  return (
    <>
      {large.length > 0 ? (
        <Section title="Going on" note={sayCount(large.length, 'host')}>
          <VirtualGrid
            count={large.length}
            minWidth={300}
            rowHeight={112}
            gap={10}
            stretch
            label="Hosts where something goes on"
            keyOf={(index) => large[index]?.name ?? ''}
            item={(index) => <HostCard row={large[index]} selected={selected} onOpen={onOpen} />}
          />
        </Section>
      ) : isCalm && all > 0 && filter.state === null && text === '' ? (
        <p class="calm">
          <span aria-hidden="true">✓</span> Nothing goes on.{' '}
          {small.every(({ state }) => state === 'up')
            ? `All ${sayCount(all, 'host')} are up.`
            : 'Hosts that are not plainly up are marked below.'}
        </p>
      ) : null}
      <Section
        title="Hosts"
        note={
          rows.length === all
            ? large.length === 0
              ? sayCount(all, 'host')
              : `${sayNumber(small.length)} more, ${sayNumber(all)} in all`
            : `${sayNumber(rows.length)} of ${sayCount(all, 'host')}`
        }
      >
        <VirtualGrid
          count={small.length}
          minWidth={148}
          rowHeight={46}
          gap={6}
          label="Hosts"
          keyOf={(index) => small[index]?.name ?? ''}
          item={(index) => <HostTile row={small[index]} most={most} selected={selected} onOpen={onOpen} />}
        />
        {rows.length === 0 ? <p class="dim">{all === 0 ? 'No hosts yet.' : 'No host fits.'}</p> : null}
      </Section>
    </>
  );
}

interface TileProps {
  readonly row: HostRow | undefined;
  readonly selected: string | null;
  readonly onOpen: (host: string) => void;
}

function HostCard({ row, selected, onOpen }: TileProps): JSX.Element | null {
  if (row === undefined) return null;
  return (
    <button
      type="button"
      class={`card s-${row.state}`}
      aria-current={selected === row.name ? 'true' : undefined}
      onClick={() => onOpen(row.name)}
    >
      <span class="head">
        <b class="name">{row.name}</b>
        <StateBadge state={row.state} />
      </span>
      <span class="text">{row.text ?? sayWithoutVerdict(row)}</span>
      {row.progress === null ? null : <ProgressBar progress={row.progress} />}
    </button>
  );
}

function sayWithoutVerdict(row: HostRow): string {
  if (row.online === false) return 'Pacemaker has lost it; no incident has been recorded yet';
  return row.service?.state === 'down'
    ? 'its nova-compute does not report; Pacemaker has the node as online'
    : 'it has booted and waits for its release';
}

function HostTile(props: TileProps & { readonly most: number }): JSX.Element | null {
  const { row, selected, onOpen, most } = props;
  if (row === undefined) return null;
  const { word, sign } = STATE_WORDS[row.state];
  const share = { width: `${(100 * (row.instances ?? 0)) / most}%` };
  return (
    <button
      type="button"
      class={`tile s-${row.state}`}
      aria-current={selected === row.name ? 'true' : undefined}
      title={row.text ?? `${row.name}: ${word}`}
      onClick={() => onOpen(row.name)}
    >
      <span class="head">
        <span class="sign" aria-hidden="true">
          {sign}
        </span>
        <span class="name">{row.name}</span>
        <span class="count">{row.instances === null ? '–' : sayNumber(row.instances)}</span>
      </span>
      <span class="load" aria-hidden="true">
        <i style={share} />
      </span>
      <span class="visually-hidden">
        {word}, {row.instances === null ? 'instances not listed' : sayCount(row.instances, 'instance')}
      </span>
    </button>
  );
}
