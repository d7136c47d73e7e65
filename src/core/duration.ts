const UNIT_MS: Readonly<Record<string, number>> = {
  '': 1000,
  s: 1000,
  sec: 1000,
  ms: 1,
  msec: 1,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
};

/** A time as Pacemaker takes it (lib/common/utils.c `crm_get_msec`); without a unit seconds. Ms, or null. */
export function parseTimeMs(text: string): number | null {
  const match = /^(\d{1,10}) ?([a-z]{0,4})$/.exec(text.trim().toLowerCase());
  const unitMs = UNIT_MS[match?.[2] ?? 'none'];
  return match === null || unitMs === undefined ? null : Number(match[1]) * unitMs;
}

/** The shortest text that {@link parseTimeMs} reads as this time. */
export function formatTimeMs(ms: number): string {
  for (const [unit, size] of [
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const) {
    if (ms !== 0 && ms % size === 0) return `${ms / size}${unit}`;
  }
  return ms === 0 ? '0s' : `${ms}ms`;
}
