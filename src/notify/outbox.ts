import type { Message } from './message.ts';

/** How one try to deliver ended. `refused`: trying again would not help. */
export type Delivery =
  | { readonly state: 'delivered' }
  | { readonly state: 'failed'; readonly reason: string }
  | { readonly state: 'refused'; readonly reason: string };

/** Somewhere that messages go. */
export interface Target {
  readonly name: string;
  deliver(message: Message): Promise<Delivery>;
}

export const OUTBOX_LIMITS = {
  /** Messages that wait for one target; the oldest are dropped. */
  maxWaiting: 100,
  maxTries: 8,
  firstPauseMs: 1_000,
  maxPauseMs: 60_000,
} as const;

export interface Outbox {
  /** Takes a message; never waits, never throws. */
  put(message: Message): void;
  /** Ends when nothing waits any more, or after `limitMs`. */
  drain(limitMs: number): Promise<void>;
}

/** Delivers to one target, in order, one at a time; whoever puts a message in is never held up by it. */
export function createOutbox(
  target: Target,
  log: (level: 'warn' | 'error', line: string) => void,
  sleep: (ms: number) => Promise<void>,
): Outbox {
  const waiting: Message[] = [];
  let working: Promise<void> | null = null;
  let isEnding = false;

  async function work(): Promise<void> {
    for (let message = waiting[0]; message !== undefined; message = waiting[0]) {
      const problem = await tryOut(message);
      if (waiting[0] === message) waiting.shift();
      if (problem !== null) {
        log(
          'error',
          `${target.name}: "${message.kind}" of incident ${message.incident} was not delivered: ${problem}`,
        );
      }
    }
  }

  /** Null when it was delivered. */
  async function tryOut(message: Message): Promise<string | null> {
    let problem = '';
    for (let tries = 1; tries <= OUTBOX_LIMITS.maxTries; tries++) {
      const delivery = await target.deliver(message).catch(
        (cause: unknown): Delivery => ({
          state: 'failed',
          // No message: it may quote what was sent.
          reason: cause instanceof Error ? cause.name : 'unknown',
        }),
      );
      if (delivery.state === 'delivered') return null;
      problem = delivery.reason;
      if (delivery.state === 'refused' || tries === OUTBOX_LIMITS.maxTries || isEnding) break;
      if (tries === 1) log('warn', `${target.name}: ${problem}; it is tried again`);
      await sleep(Math.min(OUTBOX_LIMITS.maxPauseMs, OUTBOX_LIMITS.firstPauseMs * 2 ** (tries - 1)));
    }
    return problem;
  }

  return {
    put(message) {
      if (waiting.length >= OUTBOX_LIMITS.maxWaiting) {
        // The first is on its way; the second is the oldest that is not.
        const [dropped] = waiting.splice(1, 1);
        log(
          'error',
          `${target.name}: too many messages wait; "${dropped?.kind}" of ${dropped?.incident} is dropped`,
        );
      }
      waiting.push(message);
      working ??= work().finally(() => {
        working = null;
      });
    },
    async drain(limitMs) {
      isEnding = true;
      if (working !== null) await Promise.race([working, sleep(limitMs)]);
    },
  };
}
