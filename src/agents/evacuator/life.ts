import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';

/** No tick and no answer for this long and the evacuator counts as hung or wedged, ms. Nothing it waits for takes longer than 20 s. */
export const TICK_LIMIT_MS = 60_000;

/**
 * The state that the evacuator leaves after every tick and every answer within one, and by that its sign of life. Times are seconds since the
 * machine booted, so that a clock that is set does not make it look dead or alive.
 */
const LifeSchema = v.object({
  pid: v.pipe(v.number(), v.integer(), v.minValue(2)),
  /** The process's start in clock ticks since boot: with the pid it names one process for sure. */
  start: v.string(),
  tickUptimeS: v.number(),
  at: v.string(),
});
export type Life = v.InferOutput<typeof LifeSchema>;

export type Health =
  | { readonly state: 'healthy'; readonly life: Life }
  | { readonly state: 'stopped' }
  | { readonly state: 'dead'; readonly reason: string }
  | { readonly state: 'wedged'; readonly life: Life; readonly reason: string };

/** The status file of a resource instance. */
export function statusPath(directory: string): string {
  return `${directory}/status.json`;
}

/** The sign of life alone, for NovaEvacuate.sh, which reads no JSON: `PID START UPTIME`, in whole seconds. */
function lifePath(path: string): string {
  return `${dirname(path)}/life`;
}

/** The metrics of a resource instance, for node_exporter's textfile collector. */
export function metricsPath(directory: string): string {
  return `${directory}/instance-ha.prom`;
}

/** Takes the state of one that has ended away. */
export async function clearStatus(directory: string): Promise<void> {
  const path = statusPath(directory);
  // Metrics that stay would be read as if an evacuator ran here still.
  await rm(metricsPath(directory), { force: true });
  await rm(lifePath(path), { force: true });
  await rm(path, { force: true });
}

/**
 * Writes the status, and then the sign of life, each in one step: a reader sees the old one or the new one. A
 * status that can't be written is no sign of life.
 */
export async function writeStatus(
  path: string,
  status: Life & Readonly<Record<string, unknown>>,
): Promise<void> {
  await replaceFile(path, `${JSON.stringify(status)}\n`);
  await replaceFile(lifePath(path), `${status.pid} ${status.start} ${Math.floor(status.tickUptimeS)}\n`);
}

async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.next`;
  await writeFile(next, text, { mode: 0o644 });
  await rename(next, path);
}

/** Whether the evacuator of this directory lives and makes progress. */
export async function readHealth(directory: string): Promise<Health> {
  let text: string;
  try {
    text = await readFile(statusPath(directory), 'utf8');
  } catch {
    return { state: 'stopped' };
  }
  const life = parseLife(text);
  if (life === null) return { state: 'dead', reason: `${statusPath(directory)} can't be read` };
  if ((await processStart(life.pid)) !== life.start) {
    return { state: 'dead', reason: `its process ${life.pid} is gone; the last tick was at ${life.at}` };
  }
  const ageMs = ((await uptimeS()) - life.tickUptimeS) * 1000;
  if (ageMs > TICK_LIMIT_MS) {
    return {
      state: 'wedged',
      life,
      reason: `no tick for ${Math.round(ageMs / 1000)} s (at most ${TICK_LIMIT_MS / 1000} s); process ${life.pid} is hung`,
    };
  }
  return { state: 'healthy', life };
}

function parseLife(text: string): Life | null {
  try {
    const parsed = v.safeParse(LifeSchema, JSON.parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

/** The start of a process in clock ticks since boot (field 22 of its stat), null when there is none. */
export async function processStart(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; only its parent has not looked yet.
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** Seconds since the machine booted. */
export async function uptimeS(): Promise<number> {
  return Number.parseFloat(await readFile('/proc/uptime', 'utf8'));
}
