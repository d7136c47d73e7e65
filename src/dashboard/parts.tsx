import type { ComponentChildren, JSX } from 'preact';
import type { HostState, Progress } from '../view/model.ts';
import { STATE_WORDS, sayTime } from './words.ts';

export function StateBadge({ state }: { readonly state: HostState }): JSX.Element {
  const { word, sign } = STATE_WORDS[state];
  return (
    <span class={`badge s-${state}`}>
      <span aria-hidden="true">{sign}</span> {word}
    </span>
  );
}

/** How many instances are where: one bar, and the same in words. */
export function ProgressBar({ progress }: { readonly progress: Progress }): JSX.Element {
  const { total, moved, arrived, moving, waiting, left } = progress;
  const part = (n: number): Record<string, string> => ({ width: `${(100 * n) / Math.max(1, total)}%` });
  const words = [
    `${moved} of ${total} moved`,
    ...(arrived > 0 ? [`${arrived} to be verified`] : []),
    ...(moving > 0 ? [`${moving} moving`] : []),
    ...(waiting > 0 ? [`${waiting} waiting`] : []),
    ...(left > 0 ? [`${left} not moved`] : []),
  ].join(' · ');
  return (
    <div class="progress">
      <div
        class="bar"
        role="progressbar"
        aria-valuenow={moved}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuetext={words}
        aria-label="instances moved"
      >
        <span class="moved" style={part(moved)} />
        <span class="left" style={part(left)} />
        <span class="arrived" style={part(arrived)} />
        <span class="moving" style={part(moving)} />
      </div>
      <div class="words">{words}</div>
    </div>
  );
}

export function Time({ at, now }: { readonly at: number; readonly now: number }): JSX.Element {
  const iso = new Date(at).toISOString();
  return (
    <time dateTime={iso} title={iso}>
      {sayTime(at, now)}
    </time>
  );
}

export function Section(props: {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section>
      <header class="section">
        <h2>{props.title}</h2>
        {props.note === undefined ? null : <span class="note">{props.note}</span>}
      </header>
      {props.children}
    </section>
  );
}
