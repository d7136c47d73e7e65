/** A check's verdict, and what checks have in common. Pure. */
import type { Facts } from './facts.ts';

export interface Check {
  readonly id: string;
  readonly title: string;
  readonly ok: boolean;
  /** What was found; for a failure: which one, and how. */
  readonly detail: string;
}

/** How many offenders a detail names. */
const NAMED = 5;
export type Finding = readonly string[];

/** ok when nothing was found against it. */
export function verdict(id: string, title: string, against: Finding, whenOk = ''): Check {
  const more = against.length > NAMED ? ` and ${against.length - NAMED} more` : '';
  const detail = against.length === 0 ? whenOk : against.slice(0, NAMED).join('; ') + more;
  return { id, title, ok: against.length === 0, detail };
}

export const list = (values: readonly string[]): string => (values.length === 0 ? 'none' : values.join(', '));

/** What says nothing about a drill in which nothing was evacuated. */
export const nothingTested = (facts: Facts): string[] =>
  facts.migrations.length === 0 ? ['nothing was evacuated: not tested'] : [];
