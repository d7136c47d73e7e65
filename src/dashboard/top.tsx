import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Overview } from '../view/model.ts';
import type { Link } from './connection.ts';
import { Time } from './parts.tsx';
import { sayDuration } from './words.ts';

const THEMES = ['auto', 'light', 'dark'] as const;
const THEME_KEY = 'instance-ha-theme';

function themeNow(): (typeof THEMES)[number] {
  const held = localStorage.getItem(THEME_KEY);
  return THEMES.find((theme) => theme === held) ?? 'auto';
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = themeNow();
}

function ThemeButton(): JSX.Element {
  const [theme, setTheme] = useState(themeNow());
  const next = (): void => {
    const chosen = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
    localStorage.setItem(THEME_KEY, chosen);
    applyTheme();
    setTheme(chosen);
  };
  return (
    <button
      type="button"
      class="quiet"
      onClick={next}
      aria-label={`Colours: ${theme}. Change`}
      title="Colours"
    >
      <span aria-hidden="true">{theme === 'auto' ? '◐' : theme === 'light' ? '☀' : '☾'}</span>
    </button>
  );
}

function LiveBadge({ link, now }: { readonly link: Link; readonly now: number }): JSX.Element {
  switch (link.state) {
    case 'live':
      return (
        <output class="live is-live">
          <i aria-hidden="true" /> live
        </output>
      );
    case 'lost':
      return (
        <output class="live is-lost">
          <i aria-hidden="true" /> not live for {sayDuration(now - link.since)}
        </output>
      );
    case 'stalled':
      return (
        <output class="live is-lost">
          <i aria-hidden="true" /> no progress for {sayDuration(now - link.since)}
        </output>
      );
    case 'connecting':
    case 'token':
      return (
        <output class="live">
          <i aria-hidden="true" /> connecting
        </output>
      );
    default:
      return link satisfies never;
  }
}

export function TopBar(props: {
  readonly link: Link;
  readonly overview: Overview | null;
  readonly isLab: boolean;
  readonly now: number;
}): JSX.Element {
  const { link, overview, isLab, now } = props;
  return (
    <header class="top">
      <h1>
        <img src="/icon.svg" alt="" width="22" height="22" /> instance-ha
        {isLab ? <span class="tag">lab</span> : null}
      </h1>
      {overview === null ? null : (
        <dl class="facts">
          <div>
            <dt>evacuator</dt>
            <dd title={`process ${overview.evacuator.epoch}, version ${overview.evacuator.version}`}>
              {overview.evacuator.node}
              <span class="dim"> since </span>
              <Time at={overview.evacuator.since} now={now} />
            </dd>
          </div>
          {overview.controllers.length === 0 ? null : (
            <div>
              <dt>controllers</dt>
              <dd class="dots">
                {overview.controllers.map(({ name, online }) => (
                  <span
                    key={name}
                    class={online === true ? 'on' : 'off'}
                    title={`${name}: ${sayOnline(online)}`}
                  >
                    {online === true ? '●' : '✕'}
                    <span class="visually-hidden">
                      {name} {sayOnline(online)}
                    </span>
                  </span>
                ))}
              </dd>
            </div>
          )}
          <div>
            <dt>quorum</dt>
            <dd>{overview.quorum === null ? 'unknown' : overview.quorum ? 'yes' : <b class="bad">no</b>}</dd>
          </div>
          <div>
            <dt>cloud</dt>
            <dd>{overview.cloudTrouble === null ? 'answers' : <b class="bad">does not answer</b>}</dd>
          </div>
        </dl>
      )}
      <LiveBadge link={link} now={now} />
      <ThemeButton />
    </header>
  );
}

const sayOnline = (online: boolean | null): string =>
  online === null ? 'unknown' : online ? 'online' : 'offline';

/** What a page says in so many words when it shows nothing that is so now. */
export function LinkBanner({ link, now }: { readonly link: Link; readonly now: number }): JSX.Element | null {
  if (link.state === 'lost')
    return (
      <div class="banner bad" role="alert">
        <b>Not live.</b> This is how it was at <Time at={link.since} now={now} />. The evacuator does not
        answer here; after a failover it answers from another controller. Trying again.
      </div>
    );
  if (link.state === 'stalled')
    return (
      <div class="banner bad" role="alert">
        <b>The evacuator makes no progress.</b> It answers, but its last look was at{' '}
        <Time at={link.since} now={now} />; Pacemaker restarts it when that lasts.
      </div>
    );
  return null;
}

/** What holds work up, and what would open it. */
export function Gates({ overview }: { readonly overview: Overview }): JSX.Element | null {
  const troubles = [
    ...(overview.clusterTrouble === null || overview.gates.length > 0
      ? []
      : [
          {
            id: 'cluster',
            text: `the cluster can't be read: ${overview.clusterTrouble}`,
            opens: null,
            node: null,
          },
        ]),
    ...(overview.cloudTrouble === null
      ? []
      : [
          {
            id: 'cloud',
            text: `the cloud can't be asked: ${overview.cloudTrouble}`,
            opens: 'it answers again',
            node: null,
          },
        ]),
  ];
  const all = [...overview.gates, ...troubles];
  if (all.length === 0) return null;
  return (
    <ul class="gates" aria-label="What holds work up">
      {all.map((gate) => (
        <li key={`${gate.id} ${gate.node}`}>
          <span class="sign" aria-hidden="true">
            ⊘
          </span>
          <div>
            <b>{gate.node === null ? 'Everything waits' : `${gate.node} waits`}:</b> {gate.text}
            {gate.opens === null ? null : <div class="opens">It goes on when {gate.opens}.</div>}
          </div>
        </li>
      ))}
    </ul>
  );
}
