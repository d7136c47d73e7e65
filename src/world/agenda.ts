/** What is to happen at a time; `cancel` takes it back. */
export interface Appointment {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/** The world's time, ms, and all that is still to come: a binary heap by time, then by order of entry. */
export interface Agenda {
  now: number;
  order: number;
  readonly heap: Appointment[];
}

/** Nothing is to come; `now`: where the world's time begins, ms. */
export function newAgenda(now: number): Agenda {
  return { now, order: 0, heap: [] };
}

/** Lets something happen in `ms`; two of the same moment happen in the order in which they were entered. */
export function after(agenda: Agenda, ms: number, run: () => void): Appointment {
  const entry: Appointment = { at: agenda.now + Math.max(0, ms), order: agenda.order++, run };
  const { heap } = agenda;
  let index = heap.push(entry) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(entry, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = entry;
  return entry;
}

/** It does not happen. Nothing for null, and for what has happened already. */
export function cancel(entry: Appointment | null): void {
  if (entry !== null) entry.run = null;
}

/** The time of the next appointment; null when nothing is to come. */
export function nextAt(agenda: Agenda): number | null {
  let first = agenda.heap[0];
  while (first !== undefined && first.run === null) {
    takeFirst(agenda);
    first = agenda.heap[0];
  }
  return first?.at ?? null;
}

/** Keeps the next appointment; false when there is none up to `until`. */
export function step(agenda: Agenda, until: number): boolean {
  const at = nextAt(agenda);
  if (at === null || at > until) return false;
  const entry = takeFirst(agenda);
  agenda.now = Math.max(agenda.now, at);
  entry?.run?.();
  return true;
}

function isBefore(a: Appointment, b: Appointment): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function takeFirst({ heap }: Agenda): Appointment | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let index = 0;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    const child = right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
    if (child === undefined || !isBefore(child, last)) break;
    heap[index] = child;
    index = child === left ? 2 * index + 1 : 2 * index + 2;
  }
  heap[index] = last;
  return first;
}
