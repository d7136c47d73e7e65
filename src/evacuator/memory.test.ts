import { expect, it } from 'vitest';
import type { RequestView } from '../core/observation.ts';
import { aServer, ELSEWHERE, SOURCE } from '../core/testing.ts';
import { forget, hostMemory, newMemory, rememberServer } from './memory.ts';

it('a request is forgotten with the last incident that knows its server', () => {
  const memory = newMemory('controller-1:1', 0);
  const server = aServer({ host: ELSEWHERE });
  // It was evacuated from the one to the other, and is now evacuated from there.
  for (const [host, incident] of [
    [SOURCE, 'first'],
    [ELSEWHERE, 'second'],
  ] as const)
    rememberServer(hostMemory(memory, host, incident), server, 0);
  const request: RequestView = {
    state: 'accepted',
    sentAt: 0,
    at: 0,
    message: '',
    recordsBefore: 0,
    refusals: 0,
  };
  memory.requests.set(server.id, request);
  forget(memory, new Set(['second']), new Set());
  expect([...memory.hosts.keys()]).toEqual([ELSEWHERE]);
  expect(memory.requests.get(server.id)).toEqual(request);
  forget(memory, new Set(), new Set());
  expect(memory.requests.size).toBe(0);
});
