/** What the tests of the world and of its commands share. */
import { step } from './agenda.ts';
import type { Agents, World } from './model.ts';

/** Agents that do at once, and well, whatever they are called for. */
export const OBLIGING_AGENTS: Agents = {
  fence: (_on, _action, _node, reply) => reply(0),
  wait: (_node, _timeoutMs, reply) => reply(0),
  startEvacuator: (_on, reply) => reply(true),
  stopEvacuator: (_on, reply) => reply(),
  monitorEvacuator: () => 'healthy',
  killEvacuator: () => {},
};

/** Lets so much of the world's time pass, ms, with all that happens in it. */
export function advance(world: World, ms: number): void {
  const end = world.agenda.now + ms;
  while (step(world.agenda, end));
  world.agenda.now = end;
}
