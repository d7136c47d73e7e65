import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Overview } from '../view/model.ts';
import { type Connection, connect, type Heard } from './connection.ts';
import { type Filter, Found, Hosts, StateChips } from './hosts.tsx';
import { Incidents } from './incidents.tsx';
import { CloudControls, HostControls, useLab } from './lab.tsx';
import { Fencing, HostPanel } from './panel.tsx';
import { Time } from './parts.tsx';
import { Gates, LinkBanner, TopBar } from './top.tsx';
import { sayCount } from './words.ts';

/** What is heard between two frames is drawn once. */
function useHeard(): [Heard, Connection | null] {
  const [heard, setHeard] = useState<Heard>({ link: { state: 'connecting' }, view: null });
  const connection = useRef<Connection | null>(null);
  useEffect(() => {
    let newest: Heard | null = null;
    const held = connect((next) => {
      if (newest === null && document.visibilityState === 'visible') requestAnimationFrame(draw);
      else if (newest === null) setTimeout(draw, 200);
      newest = next;
    });
    function draw(): void {
      if (newest !== null) setHeard(newest);
      newest = null;
    }
    connection.current = held;
    return () => held.close();
  }, []);
  return [heard, connection.current];
}

function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** The chosen host stands in the address, so that it can be sent to somebody, and "back" closes it. */
function useSelected(): [string | null, (host: string | null) => void] {
  const read = (): string | null => {
    const text = decodeURIComponent(location.hash.slice(1));
    return text === '' ? null : text;
  };
  const [selected, setSelected] = useState(read());
  useEffect(() => {
    const changed = (): void => setSelected(read());
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return [
    selected,
    (host) => {
      if (host === null && location.hash !== '') history.pushState(null, '', location.pathname);
      else if (host !== null) location.hash = encodeURIComponent(host);
      setSelected(host);
    },
  ];
}

export function App(): JSX.Element {
  const [heard, connection] = useHeard();
  const now = useNow();
  const [selected, select] = useSelected();
  const [filter, setFilter] = useState<Filter>({ text: '', state: null });
  const search = useRef<HTMLInputElement>(null);
  const { link, view } = heard;
  const [lab, act] = useLab(link.state === 'live' ? (view?.overview.evacuator.epoch ?? null) : null);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLInputElement;
      if (event.key === '/' && !isTyping) {
        event.preventDefault();
        search.current?.focus();
      } else if (event.key === 'Escape' && document.querySelector('dialog[open]') === null) {
        if (isTyping && filter.text !== '') setFilter({ ...filter, text: '' });
        else select(null);
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });

  useEffect(() => {
    const busy = view === null ? 0 : [...view.hosts.values()].filter((row) => row.progress !== null).length;
    document.title = `${link.state === 'live' ? '' : 'not live · '}${busy > 0 ? `${sayCount(busy, 'host')} evacuating · ` : ''}instance-ha`;
  }, [view, link.state]);

  // A host is opened by the name that its tile has: that of its node, or of its compute host.
  const open = (name: string): void => select(nodeOf(view, name));
  const isCalm = link.state === 'live' && view !== null && !isHeldUp(view.overview);
  const hosts = useMemo(
    () =>
      view === null ? null : (
        <Hosts
          hosts={view.hosts}
          filter={filter}
          selected={selected}
          isCalm={isCalm}
          onOpen={(name) => select(name)}
        />
      ),
    [view?.hosts, filter, selected, isCalm],
  );
  const isStale = link.state === 'lost' || link.state === 'stalled';
  return (
    <>
      <TopBar link={link} overview={view?.overview ?? null} isLab={lab !== null} now={now} />
      <LinkBanner link={link} now={now} />
      {link.state === 'token' ? (
        <TokenForm wrong={link.wrong} onToken={(token) => connection?.useToken(token)} />
      ) : null}
      {view === null ? (
        link.state === 'token' ? null : (
          <p class="waiting">Waiting for the evacuator…</p>
        )
      ) : (
        <div class={isStale ? 'stale' : ''}>
          <Gates overview={view.overview} />
          {lab === null ? null : <CloudControls act={act} lab={lab} />}
          <div class="tools">
            <input
              ref={search}
              type="search"
              placeholder="Find a host or an instance   /"
              aria-label="Find a host or an instance"
              value={filter.text}
              onInput={(event) => setFilter({ ...filter, text: event.currentTarget.value })}
            />
            <StateChips hosts={view.hosts} filter={filter} onFilter={setFilter} />
            <span class="dim inventory">
              {view.overview.inventoryAt === null ? (
                (view.overview.inventoryTrouble ?? '')
              ) : (
                <>
                  {sayCount(view.instances.size, 'instance')}, listed{' '}
                  <Time at={view.overview.inventoryAt} now={now} />
                </>
              )}
            </span>
          </div>
          <div class="columns">
            <main>
              <Found text={filter.text} instances={view.instances} onOpen={open} />
              {hosts}
            </main>
            <aside class={selected === null ? '' : 'is-open'}>
              {selected === null ? (
                <>
                  <Incidents view={view} now={now} onOpen={open} />
                  <Fencing view={view} now={now} target={null} />
                </>
              ) : (
                <HostPanel
                  name={selected}
                  view={view}
                  now={now}
                  onClose={() => select(null)}
                  controls={lab?.hosts.includes(selected) ? <HostControls act={act} host={selected} /> : null}
                />
              )}
            </aside>
          </div>
        </div>
      )}
    </>
  );
}

function isHeldUp({ gates, cloudTrouble, clusterTrouble }: Overview): boolean {
  return gates.length > 0 || cloudTrouble !== null || clusterTrouble !== null;
}

function nodeOf(view: Heard['view'], name: string): string {
  if (view === null || view.hosts.has(name)) return name;
  for (const row of view.hosts.values()) if (row.host === name) return row.name;
  return name;
}

function TokenForm(props: {
  readonly wrong: boolean;
  readonly onToken: (token: string) => void;
}): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        props.onToken(input.current?.value.trim() ?? '');
      }}
    >
      <label for="token">
        {props.wrong ? 'This token is not right. ' : ''}The token of this server (http_token_file):
      </label>
      <input ref={input} id="token" type="password" autocomplete="current-password" required />
      <button type="submit">Open</button>
    </form>
  );
}
