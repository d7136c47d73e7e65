import { expect, it } from 'vitest';
import { step } from '../world/agenda.ts';
import { powerOff, powerOn } from '../world/machines.ts';
import { type Agents, createWorld, machineOf } from '../world/model.ts';
import { diceOf } from './dice.ts';
import { planOf } from './generate.ts';
import { newProcess } from './process.ts';

it('a process dies with its machine, and none begins on one that is down, to go on after its next boot', () => {
  const agents = { killEvacuator: () => {} } as unknown as Agents;
  const world = createWorld(planOf(1).world, { dice: diceOf(1), agents, emit: () => {} });
  const before = newProcess(world, 1, 'compute-1');
  expect(before.alive).toBe(true);
  powerOff(world, 'compute-1', 'test');
  const meanwhile = newProcess(world, 2, 'compute-1');
  powerOn(world, 'compute-1', 'test');
  const isUp = () => machineOf(world, 'compute-1').os === 'up';
  while (!isUp() && step(world.agenda, world.agenda.now + 60_000));
  expect(isUp()).toBe(true);
  expect([before.alive, meanwhile.alive, newProcess(world, 3, 'compute-1').alive]).toEqual([
    false,
    false,
    true,
  ]);
});
