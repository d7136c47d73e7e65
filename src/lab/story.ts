import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { LineRow } from '../view/model.ts';
import type { Fact } from '../world/facts.ts';
import type { Lab } from './lab.ts';

/** The story of a power loss ends within this time, or has failed, ms. */
const STORY_LIMIT_MS = 240_000;
const LOOK_MS = 250;

/** What of the world's facts a person at the machines would notice; null: nothing. */
export function sayFact(fact: Fact): string | null {
  switch (fact.kind) {
    case 'power':
      return `${fact.machine}: power ${fact.on ? 'on' : 'off'} (by ${fact.by})`;
    case 'os':
      return fact.state === 'down' ? `${fact.machine}: down, ${fact.why}` : `${fact.machine}: ${fact.state}`;
    case 'remote':
      return `Pacemaker: ${fact.node} is ${fact.online ? 'online' : 'lost'}`;
    case 'fencing':
      return `Pacemaker: fencing of ${fact.node}: ${fact.step}${fact.ok === false ? ', failed' : ''}`;
    case 'resource':
      return `Pacemaker: ${fact.resource} on ${fact.node} ${fact.state}`;
    case 'nova-compute':
      return `${fact.host}: nova-compute ${fact.state}`;
    case 'service':
      return `Nova: ${fact.host}: ${fact.what}`;
    case 'migration':
      return fact.status === 'done' ? `Nova: an instance has arrived on ${fact.dest}` : null;
    default:
      return null;
  }
}

/** Plays the loss of a compute's power to its end; gives whether all went as it has to. */
export async function playStory(lab: Lab, victim: string, say: (text: string) => void): Promise<boolean> {
  const { world } = lab;
  const before = [...world.nova.instances.values()].filter(({ host }) => host === victim);
  say(`${victim} has ${before.length} instances. Pulling its plug.`);
  lab.act({ kind: 'pull-plug', host: victim });
  const told = new Set<string>();
  const limit = performance.now() + STORY_LIMIT_MS;
  while (!isBack(lab, victim)) {
    if (performance.now() > limit) {
      say(`not over after ${STORY_LIMIT_MS / 1000} s`);
      return false;
    }
    await tellLines(lab, told, say);
    await pause(LOOK_MS);
  }
  await tellLines(lab, told, say);
  const astray = before.filter(
    ({ host, vmState }) => host === victim || !['active', 'stopped'].includes(vmState),
  );
  say(
    `${victim} is back and enabled; ${before.length - astray.length} of ${before.length} instances are elsewhere, as before.`,
  );
  const twice = guestsTwice(lab);
  if (twice.length > 0) say(`running twice: ${twice.join(', ')}`);
  return astray.length === 0 && twice.length === 0;
}

function isBack({ world }: Lab, node: string): boolean {
  const service = world.nova.services.get(node);
  const records = [...(world.cluster.permanent.get(node)?.keys() ?? [])];
  const isEvacuated = world.nova.migrations.length > 0 || world.nova.instances.size === 0;
  return (
    isEvacuated &&
    world.cluster.remotes.get(node)?.wait === 'started' &&
    world.nova.computes.get(node)?.state === 'running' &&
    service?.status === 'enabled' &&
    !service.forcedDown &&
    !records.some((name) => /^instance-ha-(incident|evacuation)/.test(name))
  );
}

/** What the evacuator says, as its page shows it. */
async function tellLines(lab: Lab, told: Set<string>, say: (text: string) => void): Promise<void> {
  const response = await fetch(`${lab.url}api/state`).catch(() => null);
  if (response === null || !response.ok) return;
  const { overview, lines } = (await response.json()) as {
    overview: { evacuator: { epoch: string } };
    lines: Record<string, LineRow>;
  };
  for (const [key, line] of Object.entries(lines)) {
    const id = `${overview.evacuator.epoch} ${key}`;
    if (told.has(id)) continue;
    told.add(id);
    if (line.node !== null && isNews(line)) say(`evacuator: ${line.node}: ${line.text}`);
  }
}

/** Of single instances: how they end, and what goes wrong. The rest is on the page. */
function isNews({ server, level, text }: LineRow): boolean {
  return server === null || level !== 'info' || /^\S+ \((moved|excluded|gone)\)/.test(text);
}

/** Guests that two machines run at once. */
function guestsTwice({ world }: Lab): readonly string[] {
  const running = new Map<string, number>();
  for (const machine of world.machines.values())
    for (const [server, state] of machine.guests)
      if (state === 'running') running.set(server, (running.get(server) ?? 0) + 1);
  return [...running].filter(([, count]) => count > 1).map(([server]) => server);
}

/** The newest incident report, as it was written for people; null when there is none. */
export function newestReport({ agents }: Lab): string | null {
  try {
    const names = readdirSync(agents.incidentDirectory).filter((name) => name.endsWith('.md'));
    const newest = names.sort().at(-1);
    return newest === undefined ? null : readFileSync(join(agents.incidentDirectory, newest), 'utf8');
  } catch {
    return null;
  }
}
