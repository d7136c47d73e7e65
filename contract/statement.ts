/** What the world is said to do, told so that it can be tried in any place that claims to be it. */
import type { Place } from './place.ts';

/** One sentence, and how to find out whether it holds. Throws where it does not. */
export interface Statement {
  readonly says: string;
  readonly holds: () => Promise<void>;
}

/** Statements that are tried in their order: a later one may begin where an earlier one ended. */
export interface Chapter {
  readonly title: string;
  readonly tell: (place: Place) => readonly Statement[];
}

/** The longest that a single statement may take, ms: a node that boots, and Nova's periodic tasks. */
export const STATEMENT_LIMIT_MS = 120_000;
