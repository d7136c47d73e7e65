import type { Facts } from './facts.ts';

/** `fault`: instance HA would fail, or does. `warning`: it works, with less than it should. `unknown`: it could not be looked at. */
export type Severity = 'ok' | 'warning' | 'unknown' | 'fault';

export interface Problem {
  readonly severity: Exclude<Severity, 'ok'>;
  /** A node or host that it is about; null: the whole set-up. */
  readonly node: string | null;
  readonly says: string;
  /** What to do. */
  readonly fix: string;
}

/** One question to a set-up. Pure: everything that it looks at is in the facts. */
export interface Check {
  readonly id: string;
  /** Facts without which it can't say that all is right. */
  readonly needs: readonly ('configuration' | 'status' | 'marks' | 'login' | 'cloud' | 'usage')[];
  /** What is right when nothing is found. */
  readonly title: string;
  /** What it looks at. */
  readonly looksAt: string;
  run(facts: Facts): readonly Problem[];
}

/** Instance HA would fail, or does. `node`: null for the whole set-up. */
export const fault = (says: string, fix: string, node: string | null = null): Problem => ({
  severity: 'fault',
  node,
  says,
  fix,
});
/** Instance HA works, with less than it should. `node`: null for the whole set-up. */
export const warning = (says: string, fix: string, node: string | null = null): Problem => ({
  severity: 'warning',
  node,
  says,
  fix,
});
/** It could not be looked at, which says neither right nor wrong. `node`: null for the whole set-up. */
export const unsure = (says: string, fix: string, node: string | null = null): Problem => ({
  severity: 'unknown',
  node,
  says,
  fix,
});
