import type { NodeRecords } from './situation.ts';
import { counted } from './words.ts';

/** One instance of the host that is followed. */
export interface Followed {
  readonly id: string;
  readonly name: string;
  /** What the forecast said: only these are expected to move. */
  readonly expected: boolean;
}

/** One look at everything that is followed; what could not be read is null. */
export interface Sight {
  readonly at: number;
  readonly records: NodeRecords | null;
  /** Instance → where it is and in which state; null: Nova did not answer. */
  readonly instances: ReadonlyMap<
    string,
    { readonly host: string | null; readonly vmState: string | null; readonly taskState: string | null }
  > | null;
  /** The host's compute service is up, enabled and not forced down; null: Nova did not answer. */
  readonly serviceIsFine: boolean | null;
}

/** When each thing was first seen, epoch ms; null: not yet. */
export interface Progress {
  readonly begun: number;
  /** The durable incident stands: detected, and the fencing has come to its second device. */
  readonly recorded: number | null;
  /** The evacuator has its proof and works. */
  readonly proven: number | null;
  /** Every instance that was expected to move is on another host. */
  readonly evacuated: number | null;
  readonly released: number | null;
  /** Online, up, enabled, and no record left. */
  readonly back: number | null;
  /** Instance → when it was first seen elsewhere. */
  readonly moved: ReadonlyMap<string, { readonly at: number; readonly to: string }>;
}

/** Nothing has been seen yet. `at`: when that which is followed was begun, epoch ms. */
export function beginning(at: number): Progress {
  return {
    begun: at,
    recorded: null,
    proven: null,
    evacuated: null,
    released: null,
    back: null,
    moved: new Map(),
  };
}

/** What a look adds. Pure: a thing once seen stays seen, and what could not be read adds nothing. */
export function advance(
  progress: Progress,
  sight: Sight,
  source: string,
  followed: readonly Followed[],
): Progress {
  const { records, at } = sight;
  const moved = new Map(progress.moved);
  for (const { id } of followed) {
    const seen = sight.instances?.get(id);
    const isElsewhere =
      seen !== undefined &&
      seen.host !== null &&
      seen.host !== source &&
      seen.taskState === null &&
      seen.vmState !== 'error';
    if (isElsewhere && !moved.has(id)) moved.set(id, { at, to: seen.host ?? '' });
  }
  const hasIncident = records !== null && records.incident !== null;
  const hasRecord = records !== null && records.evacuation !== null;
  const recorded = progress.recorded ?? (hasIncident || hasRecord ? at : null);
  const released = progress.released ?? (recorded !== null && records !== null && !hasIncident ? at : null);
  const isAllMoved = followed.filter(({ expected }) => expected).every(({ id }) => moved.has(id));
  const isBack =
    released !== null && records !== null && !hasRecord && records.online && sight.serviceIsFine === true;
  return {
    ...progress,
    moved,
    recorded,
    proven: progress.proven ?? (hasRecord ? at : null),
    evacuated: progress.evacuated ?? (recorded !== null && isAllMoved ? at : null),
    released,
    back: progress.back ?? (isBack ? at : null),
  };
}

const STEPS = [
  ['recorded', 'the death is seen, the power cut by Pacemaker, the incident recorded'],
  ['proven', 'the proof is there, the evacuator works'],
  ['evacuated', 'every instance that can move is on another host'],
  ['released', 'the host is let go'],
  ['back', 'the host is back: online, up, enabled'],
] as const;

/** What is new, as lines for the progress. */
export function news(before: Progress, after: Progress): readonly string[] {
  const seconds = (at: number): string => `+${((at - after.begun) / 1000).toFixed(0)} s`.padStart(7);
  const steps = STEPS.flatMap(([name, words]) => {
    const at = after[name];
    return before[name] === null && at !== null ? [`${seconds(at)}  ${words}`] : [];
  });
  const count = after.moved.size - before.moved.size;
  return count === 0
    ? steps
    : [
        `${seconds([...after.moved.values()].at(-1)?.at ?? after.begun)}  ${counted(after.moved.size, 'instance')} elsewhere`,
        ...steps,
      ];
}

/** The report at the end. */
export function reportText(progress: Progress, followed: readonly Followed[]): string {
  const seconds = (at: number | null): string =>
    at === null ? 'not seen' : `${((at - progress.begun) / 1000).toFixed(1)} s`;
  return [
    ...STEPS.map(([name, words]) => `${seconds(progress[name]).padStart(9)}  ${words}`),
    '',
    ...followed.map(({ id, name, expected }) => {
      const moved = progress.moved.get(id);
      if (moved !== undefined) return `  ${name} (${id}): on ${moved.to} after ${seconds(moved.at)}`;
      return `  ${name} (${id}): ${expected ? 'NOT MOVED' : 'stayed, as foreseen'}`;
    }),
  ].join('\n');
}
