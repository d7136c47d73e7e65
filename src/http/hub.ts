import type { ServerResponse } from 'node:http';
import { changeBetween, snapshotOf } from '../view/change.ts';
import type { View } from '../view/model.ts';

/** Pages that are kept up to date at a time. */
export const MAX_CLIENTS = 32;
/** What may lie unsent for one page; beyond it, it gets the whole again once it has caught up, bytes. */
const MAX_QUEUED_BYTES = 1024 * 1024;
/** A page that takes nothing for so long is let go, ms. */
const STUCK_LIMIT_MS = 30_000;
/** How often a page hears that all is as it was, ms; it counts as cut off after a few of them. */
export const ALIVE_MS = 1_000;

interface Client {
  readonly response: ServerResponse;
  /** Since when it has missed changes; null: it has them all. */
  behindSince: number | null;
}

export interface HubOptions {
  /** The newest view; asked for only while somebody looks. */
  readonly view: () => View;
  /** Age of the evacuator's last look, ms. */
  readonly tickAgeMs: () => number;
  readonly mono: () => number;
}

/** Keeps pages up to date: each gets the whole first, then what changes. */
export interface Hub {
  readonly clients: () => number;
  /** Takes a page in; false: there are too many. */
  readonly join: (response: ServerResponse) => boolean;
  /** The view may have changed. */
  readonly publish: () => void;
  /** The sign of life; to be called every {@link ALIVE_MS}. */
  readonly alive: () => void;
  readonly close: () => void;
}

/** Nobody looks yet. It has no timer of its own: whoever makes it calls `publish` and `alive`, and `close` ends every page's stream. */
export function createHub({ view, tickAgeMs, mono }: HubOptions): Hub {
  const clients = new Set<Client>();
  let shown: View | null = null;
  let seq = 0;

  /** Brings `shown` up to date; gives the change as text, or null when there was none. */
  function refresh(): string | null {
    const next = view();
    if (shown === null) {
      shown = next;
      seq++;
      return null;
    }
    const change = changeBetween(shown, next, seq + 1);
    if (change === null) return null;
    shown = next;
    seq++;
    return message('change', change);
  }

  function sendWhole(client: Client): void {
    if (shown === null) return;
    client.behindSince = null;
    client.response.write(message('snapshot', snapshotOf(shown, seq)));
  }

  function send(client: Client, text: string): void {
    if (client.behindSince === null && client.response.writableLength > MAX_QUEUED_BYTES)
      client.behindSince = mono();
    if (client.behindSince === null) client.response.write(text);
  }

  return {
    clients: () => clients.size,
    join(response) {
      if (clients.size >= MAX_CLIENTS) return false;
      const client: Client = { response, behindSince: null };
      const missed = refresh();
      if (missed !== null) for (const other of clients) send(other, missed);
      clients.add(client);
      response.on('close', () => {
        clients.delete(client);
        // Nobody looks: the next one begins with a fresh look, and memory is given back.
        if (clients.size === 0) shown = null;
      });
      response.on('drain', () => {
        if (client.behindSince !== null) sendWhole(client);
      });
      sendWhole(client);
      return true;
    },
    publish() {
      if (clients.size === 0) return;
      const text = refresh();
      if (text !== null) for (const client of clients) send(client, text);
    },
    alive() {
      const text = message('alive', { seq, tickAgeMs: Math.round(tickAgeMs()) });
      for (const client of clients) {
        if (client.behindSince === null) send(client, text);
        else if (mono() - client.behindSince > STUCK_LIMIT_MS) client.response.destroy();
      }
    },
    close() {
      for (const client of clients) client.response.end();
      clients.clear();
    },
  };
}

/** One event of the stream. JSON has no line breaks of its own. */
function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
