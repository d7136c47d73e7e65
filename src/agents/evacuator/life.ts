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

/** A process, named for sure. */
export type LivingProcess = Pick<Life, 'pid' | 'start'>;

/** `starting`: it was launched, and has left no status yet. */
export type Health =
  | { readonly state: 'healthy'; readonly life: LivingProcess }
  | { readonly state: 'starting'; readonly life: LivingProcess }
  | { readonly state: 'stopped' }
  | { readonly state: 'dead'; readonly reason: string }
  | { readonly state: 'wedged'; readonly life: LivingProcess; readonly reason: string };

/** The status file of a resource instance. */
export function statusPath(directory: string): string {
  return `${directory}/status.json`;
}

/**
 * The sign of life alone, for NovaEvacuate.sh, which reads no JSON: `PID START UPTIME`, in whole seconds. NovaEvacuate
 * writes the first one when it has launched the process.
 */
function lifePath(directory: string): string {
  return `${directory}/life`;
}

/** The metrics of a resource instance, for node_exporter's textfile collector. */
export function metricsPath(directory: string): string {
  return `${directory}/instance-ha.prom`;
}

/** Takes the state of one that has ended away. */
export async function clearStatus(directory: string): Promise<void> {
  // Metrics that stay would be read as if an evacuator ran here still.
  await rm(metricsPath(directory), { force: true });
  await rm(lifePath(directory), { force: true });
  await rm(statusPath(directory), { force: true });
}

/**
 * The sign of life of a process that has just been launched. It stands before the process has anything to do, so that
 * one whose start is cut off, by the operation's timeout or with the agent, is found all the same.
 */
export async function writeLaunch(directory: string, launched: LivingProcess): Promise<void> {
  await writeSign(directory, { ...launched, tickUptimeS: await uptimeS() });
}

function writeSign(directory: string, life: Omit<Life, 'at'>): Promise<void> {
  return replaceFile(lifePath(directory), `${life.pid} ${life.start} ${Math.floor(life.tickUptimeS)}\n`);
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
  await writeSign(dirname(path), status);
}

async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.next`;
  await writeFile(next, text, { mode: 0o644 });
  await rename(next, path);
}

/**
 * Whether the evacuator of this directory lives and makes progress. One that has left no status, or whose status is
 * gone, is known by its sign of life: as long as that process runs there must be no second one.
 */
export async function readHealth(directory: string): Promise<Health> {
  const told = await readStatus(directory);
  const isOver = told.state === 'stopped' || told.state === 'dead';
  return (isOver ? await readSign(directory) : null) ?? told;
}

/** What the sign of life alone says; null: no process of it runs. */
async function readSign(directory: string): Promise<Health | null> {
  const text = await readFile(lifePath(directory), 'utf8').catch(() => '');
  const [, pid, start, tickUptimeS] = /^(\d{1,10}) (\d+) (\d+)\n$/.exec(text) ?? [];
  if (start === undefined || (await processStart(Number(pid))) !== start) return null;
  const life = { pid: Number(pid), start };
  const ageS = Math.round((await uptimeS()) - Number(tickUptimeS));
  if (ageS * 1000 <= TICK_LIMIT_MS) return { state: 'starting', life };
  return {
    state: 'wedged',
    life,
    reason: `no status that can be read for ${ageS} s (at most ${TICK_LIMIT_MS / 1000} s); process ${life.pid} is hung`,
  };
}

async function readStatus(directory: string): Promise<Health> {
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
