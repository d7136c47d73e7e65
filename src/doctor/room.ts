import type { HostUsage, ResourceClass } from '../openstack/usage.ts';

type Amount = Partial<Readonly<Record<ResourceClass, number>>>;

export interface Loss {
  readonly hosts: readonly string[];
  /** Instances that fit nowhere, with what they take. */
  readonly left: readonly { readonly id: string; readonly host: string; readonly needs: Amount }[];
  /** Instance → host that has room for it, as far as can be foreseen. */
  readonly placed: ReadonlyMap<string, string>;
}

/**
 * Whether what runs on some hosts fits onto the others: each instance whole onto one host, the greatest first (the
 * way in which fragmentation shows; totals would hide it). The scheduler has filters and weighers of its own: a
 * fit here is no promise, a misfit is certain unless they pack better than first fit decreasing does.
 */
export function worstLoss(usage: readonly HostUsage[], lost: readonly string[]): Loss {
  const rest = usage.filter(({ name }) => !lost.includes(name));
  const free = new Map(rest.map((host) => [host.name, freeOf(host)]));
  const moving = usage
    .filter(({ name }) => lost.includes(name))
    .flatMap((host) => [...host.allocations].map(([id, needs]) => ({ id, host: host.name, needs })))
    .sort((a, b) => sizeOf(b.needs) - sizeOf(a.needs) || (a.id < b.id ? -1 : 1));
  const left: Loss['left'][number][] = [];
  const placed = new Map<string, string>();
  for (const each of moving) {
    const host = [...free].find(([, room]) => fits(each.needs, room));
    if (host === undefined) {
      left.push(each);
      continue;
    }
    for (const [name, amount] of entriesOf(each.needs)) host[1].set(name, (host[1].get(name) ?? 0) - amount);
    placed.set(each.id, host[0]);
  }
  return { hosts: lost, left, placed };
}

/** Sets that are tried between two breaths. */
const TRIES_A_BREATH = 100;

/**
 * The subset of so many hosts whose loss leaves most instances without room; bounded, greatest hosts first. It may take
 * a while: `breathe` is called again and again, and ends it by true. `spares` are the hosts that would be enabled for it.
 */
export async function worstOf(
  usage: readonly HostUsage[],
  count: number,
  maxTries: number,
  breathe: () => Promise<boolean> = async () => false,
  spares: (lost: readonly string[]) => readonly HostUsage[] = () => [],
): Promise<{ readonly worst: Loss; readonly tries: number; readonly isComplete: boolean }> {
  const names = [...usage].sort((a, b) => loadOf(b) - loadOf(a)).map(({ name }) => name);
  const lose = (lost: readonly string[]): Loss => worstLoss([...usage, ...spares(lost)], lost);
  let worst = lose(names.slice(0, count));
  let tries = 0;
  for (const subset of subsets(names, count)) {
    if (tries % TRIES_A_BREATH === 0 && (await breathe())) return { worst, tries, isComplete: false };
    if (tries >= maxTries) return { worst, tries, isComplete: false };
    tries += 1;
    const loss = lose(subset);
    if (loss.left.length > worst.left.length) worst = loss;
  }
  return { worst, tries, isComplete: true };
}

function* subsets(names: readonly string[], count: number, from = 0): Generator<string[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (let at = from; at <= names.length - count; at += 1) {
    for (const rest of subsets(names, count - 1, at + 1)) yield [names[at] ?? '', ...rest];
  }
}

function freeOf(host: HostUsage): Map<ResourceClass, number> {
  const free = new Map(entriesOf(host.capacity));
  for (const needs of host.allocations.values())
    for (const [name, amount] of entriesOf(needs)) free.set(name, (free.get(name) ?? 0) - amount);
  return free;
}

/** A class that the host has no inventory of (shared storage) is no limit of it. */
function fits(needs: Amount, room: ReadonlyMap<ResourceClass, number>): boolean {
  return entriesOf(needs).every(([name, amount]) => (room.get(name) ?? Number.POSITIVE_INFINITY) >= amount);
}

const sizeOf = (needs: Amount): number => (needs.MEMORY_MB ?? 0) + 1024 * (needs.VCPU ?? 0);
const loadOf = (host: HostUsage): number =>
  [...host.allocations.values()].reduce((sum, needs) => sum + sizeOf(needs), 0);

function entriesOf(amount: Amount): [ResourceClass, number][] {
  return Object.entries(amount) as [ResourceClass, number][];
}
