import { expect, it } from 'vitest';
import { stopKey } from '../core/decision.ts';
import { hostName, nodeName, serverId } from '../core/names.ts';
import { aServer, SOURCE } from '../core/testing.ts';
import { forget, hostMemory, type Needed, newMemory, rememberServer } from './memory.ts';

it('a request for an instance is kept while another host still waits for it', () => {
  const memory = newMemory('controller-1:1', 0);
  const server = aServer({ id: serverId('s1') });
  // It moved from the first host to the second, which then died too and has asked for it anew.
  rememberServer(hostMemory(memory, hostName('compute-1'), 'first'), server, 0);
  rememberServer(hostMemory(memory, hostName('compute-2'), 'second'), server, 0);
  memory.requests.set(server.id, {
    state: 'accepted',
    at: 1,
    sentAt: 1,
    message: '',
    source: SOURCE,
    recordsBefore: 0,
    refusals: 0,
    failing: null,
  });
  const stop = stopKey(server.id, hostName('compute-2'));
  memory.commands.set(stop, { state: 'done', at: 1, failures: 0, message: '' });
  const none: Needed = { open: new Set(), toProve: new Set(), domain: null };
  forget(memory, { ...none, open: new Set([nodeName('compute-2')]) });
  expect(memory.requests.has(server.id)).toBe(true);
  expect(memory.commands.has(stop)).toBe(true);
  forget(memory, none);
  expect(memory.requests.has(server.id)).toBe(false);
  expect(memory.commands.has(stop)).toBe(false);
});
