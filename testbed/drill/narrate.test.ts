import { describe, expect, it } from 'vitest';
import type { DrillEvent, FrontWhat } from './events.ts';
import { createNarrator } from './narrate.ts';
import { CONTROLLER, goodFacts, T0, uuid, VICTIM } from './testing.ts';

const tellAll = (events: readonly DrillEvent[]): string[] => {
  const { plan, subjects } = goodFacts();
  const narrator = createNarrator({
    plan,
    names: new Map(subjects.map((s) => [s.id, s.name])),
    addresses: new Map([[CONTROLLER, 'controller-1']]),
  });
  return events.flatMap((event) => narrator.tell(event));
};

describe('the narrator', () => {
  it('tells the story of a good drill', () => {
    const lines = tellAll(goodFacts().events);
    for (const line of [
      'Pacemaker has lost compute-1 (unclean)',
      'BMC: power off of compute-1 confirmed',
      'durable incident of compute-1 recorded: it holds nova-compute',
      'mark evacuate=yes set for compute-1 by fence-nova',
      'compute-1 forced down in Nova',
      'first evacuate request, by controller-1',
      'compute-1 booted',
      'compute-1 is back in the cluster',
      '7 of 11 instances run elsewhere',
      '11 of 11 instances run elsewhere',
      'hold of compute-1 released: its incident is settled',
      'nova-compute started on compute-1',
      'nova-compute on compute-1 has completed its 11 evacuation records',
      'forced_down of compute-1 cleared',
      'compute-1 enabled',
      'compute-1 gets new instances again',
    ]) {
      expect(lines).toContain(line);
    }
    expect(lines.filter((line) => line.startsWith('Pacemaker has lost'))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('first evacuate request'))).toHaveLength(1);
  });
  it('tells why a node is held, once for each reason', () => {
    const answer = (value: string): DrillEvent => ({
      kind: 'attribute',
      at: T0,
      node: VICTIM,
      name: 'instance-ha-release',
      value,
      was: null,
    });
    const lines = tellAll([
      answer('held t1 3 to go'),
      answer('held t1 3 to go'),
      answer('held t1 2 to go'),
      answer('released t1'),
    ]);
    expect(lines).toEqual([
      'compute-1 is held: 3 to go',
      'compute-1 is held: 2 to go',
      'compute-1 may start: released',
    ]);
  });
  it('tells what the front did, and how often only once', () => {
    const front = (what: FrontWhat): DrillEvent => ({
      kind: 'front',
      at: T0,
      what,
      client: CONTROLLER,
      method: 'POST',
      path: `/v2.1/servers/${uuid(1)}/action`,
      status: 200,
    });
    const whats = [
      'ready',
      'lost',
      'closed',
      'refused',
      'refused',
      'open',
      'spoilt',
      'unauthorized',
    ] as const;
    expect(tellAll(whats.map(front))).toEqual([
      'FAULT: Nova takes the request to evacuate drill-active-1, and the answer is lost',
      'FAULT: nova-api answers 503 from now on',
      'controller-1 is answered 503',
      'nova-api answers again',
      'FAULT: the evacuator’s token is no longer valid',
      'controller-1 is answered 401',
    ]);
  });
  it('shouts when a guest runs twice, and names refusals and failures', () => {
    const server = uuid(1);
    const lines = tellAll([
      { kind: 'guest', at: T0, host: 'compute-2', what: 'DUAL', server, text: 'also-on=compute-3' },
      {
        kind: 'request',
        at: T0,
        client: CONTROLLER,
        method: 'POST',
        path: `/v2.1/servers/${server}/action`,
        status: 409,
        seconds: 1,
      },
      {
        kind: 'migration',
        at: T0,
        id: 5,
        server,
        status: 'error',
        was: 'accepted',
        source: VICTIM,
        dest: null,
      },
      {
        kind: 'migration',
        at: T0,
        id: 5,
        server,
        status: 'done',
        was: 'accepted',
        source: VICTIM,
        dest: null,
      },
    ]);
    expect(lines).toEqual([
      '!! drill-active-1 runs on two hosts: compute-2, also-on=compute-3',
      'Nova refused to evacuate drill-active-1: 409',
      'evacuation of drill-active-1 failed (record 5: error)',
    ]);
  });
});
