import { expect, it } from 'vitest';
import type { Decision, HostVerdict, InstanceVerdict } from '../core/decision.ts';
import { hostName, nodeName } from '../core/names.ts';
import { anObservation, aServer } from '../core/testing.ts';
import { newWritten, record } from './record.ts';

function verdictOf(name: string, text: string): HostVerdict {
  const instance = { id: aServer().id, name: 'vm', outcome: 'moved', text } as unknown as InstanceVerdict;
  return {
    node: nodeName(name),
    host: hostName(name),
    incident: 'i',
    phase: 'evacuating',
    text: 'evacuating',
    instances: [instance],
  };
}

it('an instance that two hosts have a verdict about is told once of each, not in every tick', () => {
  const lines: string[] = [];
  const journal = { tick: () => {}, report: () => {}, event: ({ msg }: { msg: string }) => lines.push(msg) };
  const verdicts = [verdictOf('compute-1', 'runs on compute-2'), verdictOf('compute-2', 'waiting')];
  const decision = { commands: [], verdicts, gates: [], pace: null, reports: [] } as unknown as Decision;
  const written = newWritten();
  for (let tick = 0; tick < 5; tick++) record(journal, written, anObservation(), decision);
  expect(lines.filter((line) => line.startsWith('vm '))).toHaveLength(2);
});
