/** What can be broken in the lab, and only there: never a part of the evacuator. */
export type LabAction =
  | { readonly kind: 'pull-plug' | 'crash' | 'cut-network'; readonly host: string }
  | { readonly kind: 'kill-controller'; readonly controller: string }
  | { readonly kind: 'fail-spawns'; readonly count: number }
  | { readonly kind: 'stop-nova' | 'start-nova' };

/** What the lab is, as `GET /api/lab` tells it. */
export interface LabDescription {
  readonly hosts: readonly string[];
  readonly controllers: readonly string[];
  readonly isNovaRunning: boolean;
  /** Spawns that will fail next. */
  readonly failingSpawns: number;
}
