/**
 * What has just become true in the world. Checkers and logs live on these; nothing in the world does. `at` is
 * the world's time, ms.
 */
export type Fact =
  | { readonly kind: 'power'; readonly machine: string; readonly on: boolean; readonly by: string }
  | {
      readonly kind: 'os';
      readonly machine: string;
      readonly state: 'up' | 'down' | 'booting';
      readonly why: string;
    }
  | { readonly kind: 'network'; readonly machine: string; readonly isolated: boolean }
  | {
      readonly kind: 'guest';
      readonly host: string;
      readonly server: string;
      readonly state: 'running' | 'shutoff' | 'gone';
    }
  | {
      readonly kind: 'nova-compute';
      readonly host: string;
      readonly state: 'starting' | 'running' | 'stopped';
    }
  | { readonly kind: 'service'; readonly host: string; readonly what: string; readonly by: Actor }
  | {
      readonly kind: 'migration';
      readonly id: number;
      readonly server: string;
      readonly source: string;
      readonly dest: string | null;
      readonly status: string;
      readonly by: Actor | null;
    }
  | {
      readonly kind: 'instance';
      readonly server: string;
      readonly host: string | null;
      readonly vmState: string;
      readonly taskState: string | null;
      readonly why: string;
    }
  /** Somebody's request was carried out, or refused, by an API. */
  | {
      readonly kind: 'request';
      readonly by: Actor;
      readonly method: string;
      readonly path: string;
      readonly body: unknown;
      readonly status: number;
    }
  | { readonly kind: 'membership'; readonly members: readonly string[]; readonly quorum: boolean }
  | { readonly kind: 'remote'; readonly node: string; readonly online: boolean }
  | { readonly kind: 'fencing'; readonly node: string; readonly step: string; readonly ok: boolean | null }
  | {
      readonly kind: 'attribute';
      readonly node: string;
      readonly name: string;
      readonly value: string | null;
      readonly lifetime: 'forever' | 'reboot';
      readonly by: string;
    }
  | { readonly kind: 'property'; readonly name: string; readonly value: string | null; readonly by: string }
  | { readonly kind: 'resource'; readonly resource: string; readonly node: string; readonly state: string }
  | { readonly kind: 'operator'; readonly what: string }
  | { readonly kind: 'fault'; readonly what: string };

/** Who acts on an API: `evacuator:N` is a process of ours, by its number. */
export type Actor = string;
