import type { HostName } from './names.ts';
import type { ServerView } from './observation.ts';

/** An instance as the order sees it. */
export interface Member {
  readonly server: ServerView;
  /** The host that it is evacuated from. */
  readonly host: HostName;
  readonly state: /** May be asked for now. */
    | 'ready'
    /** Asked for, and not known to be over. */
    | 'in-flight'
    /** Neither: it waits for something of its own. */
    | 'waiting'
    | 'arrived'
    /** It ended otherwise: failed, not selected, deleted, ... */
    | 'ended';
  /** Nova's clock when it arrived; null: not known, or not by an evacuation. */
  readonly arrivedAt: number | null;
  /** What Nova's clock shows now, as far as this host's looks tell. */
  readonly novaNow: number;
}
