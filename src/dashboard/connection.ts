import { applyChange, type Change, type Snapshot, viewOf } from '../view/change.ts';
import type { View } from '../view/model.ts';
import { createStreamParser, type StreamEvent } from './stream.ts';

/** Nothing heard for so long, and what is shown is no longer live, ms. The server speaks every second. */
const SILENCE_LIMIT_MS = 3_500;
/** Pause before the next try to connect, at first and at most, ms. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 5_000;
/** Longer than this without a tick and the evacuator itself is what stands still, ms. */
export const TICK_LIMIT_MS = 20_000;

/** Whether what is shown is so now. Only `live` may look like it. */
export type Link =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** Cut off; `since`: when the last was heard, epoch ms. */
  | { readonly state: 'lost'; readonly since: number }
  /** The server answers, but its evacuator makes no progress. */
  | { readonly state: 'stalled'; readonly since: number }
  | { readonly state: 'token'; readonly wrong: boolean };

export interface Heard {
  readonly link: Link;
  readonly view: View | null;
}

export interface Connection {
  readonly useToken: (token: string) => void;
  readonly close: () => void;
}

const TOKEN_KEY = 'instance-ha-token';

/** The header that carries the token which was given in this tab; none where none was, which is right for a server without one. */
export const authorisation = (): Readonly<Record<string, string>> => {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token === null ? {} : { authorization: `Bearer ${token}` };
};

/**
 * Keeps a view up to date for as long as the page lives. Read with fetch and not with EventSource: that one can
 * carry no token, and does not notice a connection that has died in silence.
 */
export function connect(hear: (heard: Heard) => void): Connection {
  let view: View | null = null;
  let seq = 0;
  let heardAt = 0;
  let link: Link = { state: 'connecting' };
  let attempt = new AbortController();
  let isClosed = false;
  let retryMs = RETRY_MS;
  let wake: () => void = () => {};

  function say(next: Link): void {
    link = next;
    hear({ link, view });
  }

  function lost(): void {
    if (link.state === 'token') return;
    say(view === null ? { state: 'connecting' } : { state: 'lost', since: heardAt });
  }

  /** Gives whether it goes on: a message that does not follow the last one means that something was missed. */
  function take({ event, data }: StreamEvent): boolean {
    heardAt = Date.now();
    switch (event) {
      case 'snapshot': {
        const snapshot = JSON.parse(data) as Snapshot;
        view = viewOf(snapshot);
        seq = snapshot.seq;
        retryMs = RETRY_MS;
        say({ state: 'live' });
        return true;
      }
      case 'change': {
        const change = JSON.parse(data) as Change;
        if (view === null || change.epoch !== view.overview.evacuator.epoch || change.seq !== seq + 1)
          return false;
        view = applyChange(view, change);
        seq = change.seq;
        say(link);
        return true;
      }
      case 'alive': {
        const alive = JSON.parse(data) as { seq: number; tickAgeMs: number };
        if (view === null || alive.seq !== seq) return false;
        if (alive.tickAgeMs > TICK_LIMIT_MS) say({ state: 'stalled', since: heardAt - alive.tickAgeMs });
        else if (link.state !== 'live') say({ state: 'live' });
        return true;
      }
      default:
        return false;
    }
  }

  async function follow(signal: AbortSignal): Promise<void> {
    const response = await fetch('/api/events', { signal, headers: authorisation(), cache: 'no-store' });
    if (response.status === 401) {
      say({ state: 'token', wrong: sessionStorage.getItem(TOKEN_KEY) !== null });
      return;
    }
    if (!response.ok || response.body === null) return;
    heardAt = Date.now();
    const parse = createStreamParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      // Bytes of a long snapshot are a sign of life too.
      heardAt = Date.now();
      for (const event of parse(value)) {
        if (!take(event)) {
          attempt.abort();
          return;
        }
      }
    }
  }

  async function run(): Promise<void> {
    while (!isClosed) {
      attempt = new AbortController();
      heardAt = Math.max(heardAt, view === null ? Date.now() : heardAt);
      await follow(attempt.signal).catch(() => {});
      if (isClosed) return;
      lost();
      const isWaitingForToken = link.state === 'token';
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (!isWaitingForToken) setTimeout(resolve, retryMs * (0.75 + Math.random() / 2));
      });
      retryMs = Math.min(MAX_RETRY_MS, retryMs * 1.6);
    }
  }

  const watch = setInterval(() => {
    if (Date.now() - heardAt <= SILENCE_LIMIT_MS) return;
    // It may hang rather than end: what is shown is no longer live either way.
    if (link.state === 'live' || link.state === 'stalled') {
      lost();
      attempt.abort();
    }
  }, 500);
  void run();

  return {
    useToken(token) {
      sessionStorage.setItem(TOKEN_KEY, token);
      say({ state: 'connecting' });
      wake();
    },
    close() {
      isClosed = true;
      clearInterval(watch);
      attempt.abort();
      wake();
    },
  };
}
