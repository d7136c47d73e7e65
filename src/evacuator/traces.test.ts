import { expect, it } from 'vitest';
import { hostName } from '../core/names.ts';
import type { ServiceView } from '../core/observation.ts';
import { quarantineReason } from '../core/quarantine.ts';
import { disabledReason } from '../core/records.ts';
import { aService } from '../core/testing.ts';
import { type Setting, type Traces, traceChange, traceForced, traceList } from './traces.ts';

const HOST = hostName('compute-1');
const enable = { status: 'enabled' } as const;
const listed = (more: Partial<ServiceView>): readonly ServiceView[] => [aService('compute-1', more)];
const disabled = (reason: string | null): readonly ServiceView[] =>
  listed({ status: 'disabled', disabledReason: reason });
const RESERVED: Setting = { status: 'disabled', disabledReason: 'reserved' };
const ENABLED: Setting = { status: 'enabled', disabledReason: null };
const forceDown = { forcedDown: true, status: 'disabled', disabledReason: disabledReason('i1') } as const;

it('when a host was asked to be forced down, and was seen not to be, is kept', () => {
  const traces: Traces = new Map();
  traceList(traces, listed({}), 1_000);
  expect(traces.get(HOST)).toMatchObject({ notForcedAt: 1_000, forceDownAt: Number.NEGATIVE_INFINITY });
  const ended = traceChange(traces, HOST, { change: { forcedDown: true }, from: ENABLED, at: 2_000 });
  expect(traces.get(HOST)).toMatchObject({ forceDownAt: 2_000 });
  expect(traces.get(HOST)).toMatchObject({ openForceDownAt: 2_000 });
  ended(3_000, 'done');
  expect(traces.get(HOST)).toMatchObject({ openForceDownAt: Number.NEGATIVE_INFINITY });
  traceList(traces, listed({ forcedDown: true }), 4_000);
  expect(traces.get(HOST)).toMatchObject({ notForcedAt: 1_000, forceDownAt: 3_000, enableAt: -Infinity });
  // Its cell does not answer.
  traceList(traces, listed({ state: 'unknown' }), 90_000);
  expect(traces.get(HOST)).toMatchObject({ notForcedAt: 1_000 });
});

it('one that was given up stays open, whatever a later one is answered', () => {
  const traces: Traces = new Map();
  const send = (at: number) => traceChange(traces, HOST, { change: { forcedDown: true }, from: ENABLED, at });
  send(1_000)(2_000, 'unknown');
  send(3_000)(3_500, 'done');
  expect(traces.get(HOST)).toMatchObject({ forceDownAt: 3_500, openForceDownAt: 2_000 });
});

it('... until a list shows its effect: it has no other, before it is given up and after', () => {
  const forced = listed({ forcedDown: true });
  const never = { openForceDownAt: Number.NEGATIVE_INFINITY };
  const traces: Traces = new Map();
  const send = (at: number) => traceChange(traces, HOST, { change: { forcedDown: true }, from: ENABLED, at });
  send(1_000)(2_000, 'unknown');
  traceList(traces, forced, 1_500);
  expect(traces.get(HOST)).toMatchObject({ forceDownAt: 2_000, openForceDownAt: 2_000 });
  traceList(traces, forced, 2_500);
  expect(traces.get(HOST)).toMatchObject({ forceDownAt: 2_500, ...never });
  const ended = send(3_000);
  traceList(traces, forced, 3_500);
  ended(23_000, 'unknown');
  expect(traces.get(HOST)).toMatchObject({ forceDownAt: 3_500, ...never });
  // Of two that were given up one effect says nothing of the other.
  send(30_000)(31_000, 'unknown');
  send(32_000)(33_000, 'unknown');
  traceList(traces, forced, 34_000);
  expect(traces.get(HOST)).toMatchObject({ openForceDownAt: 31_000 });
});

it('one that certainly was not carried out, as when the login was refused, leaves no trace', () => {
  const traces: Traces = new Map();
  traceList(traces, listed({}), 1_000);
  traceChange(traces, HOST, { change: { forcedDown: true }, from: ENABLED, at: 2_000 })(2_500, 'none');
  const never = Number.NEGATIVE_INFINITY;
  expect(traces.get(HOST)).toMatchObject({ notForcedAt: 1_000, forceDownAt: never, openForceDownAt: never });
});

it('the answer to a change shows, too, that it is not forced down, and a list from before takes nothing of that back', () => {
  const traces: Traces = new Map();
  traceForced(traces, aService('compute-1', { forcedDown: true }), 1_000);
  expect(traces.get(HOST)).toBeUndefined();
  traceForced(traces, aService('compute-1'), 3_000);
  traceList(traces, listed({}), 2_000);
  expect(traces.get(HOST)).toMatchObject({ notForcedAt: 3_000 });
});

it('a request to enable is open until it is answered, and after it was given up', () => {
  const traces: Traces = new Map();
  const first = traceChange(traces, HOST, { change: enable, from: RESERVED, at: 1_000 });
  expect(traces.get(HOST)).toMatchObject({ enableAt: 1_000 });
  first(2_000, 'unknown');
  expect(traces.get(HOST)).toMatchObject({ enableAt: 2_000 });
  // Another one that is answered does not take back that the first may yet come.
  traceChange(traces, HOST, { change: enable, from: RESERVED, at: 3_000 })(3_500, 'done');
  expect(traces.get(HOST)).toMatchObject({ enableAt: 2_000 });
});

it('... and afterwards, where a list shows that somebody had disabled the host before it took effect', () => {
  const traces: Traces = new Map();
  const ended = traceChange(traces, HOST, { change: enable, from: RESERVED, at: 1_000 });
  traceList(traces, disabled('broken fan'), 2_000);
  ended(4_000, 'done');
  expect(traces.get(HOST)).toMatchObject({
    enableAt: 4_000,
    disabledSince: { reason: 'broken fan', seenAt: 2_000 },
  });
  traceList(traces, disabled('broken fan'), 5_000);
  const again = traceChange(traces, HOST, { change: enable, from: RESERVED, at: 6_000 });
  again(7_000, 'done');
  expect(traces.get(HOST)).toMatchObject({ enableAt: 4_000, disabledSince: null });
});

it('a request to force it down is open in the same way if our marker goes with it', () => {
  const traces: Traces = new Map();
  const without = traceChange(traces, HOST, { change: { forcedDown: true }, from: ENABLED, at: 500 });
  without(800, 'unknown');
  expect(traces.get(HOST)).toMatchObject({ disableAt: -Infinity });
  const first = traceChange(traces, HOST, { change: forceDown, from: ENABLED, at: 1_000 });
  expect(traces.get(HOST)).toMatchObject({ disableAt: 1_000, enableAt: -Infinity });
  first(2_000, 'unknown');
  traceChange(traces, HOST, { change: forceDown, from: ENABLED, at: 3_000 })(3_500, 'done');
  expect(traces.get(HOST)).toMatchObject({ disableAt: 2_000, forceDownAt: 3_500 });
});

it('... and one to write into its reason that it is in quarantine', () => {
  const traces: Traces = new Map();
  const reason = quarantineReason('2 incidents');
  const into = { status: 'disabled', disabledReason: reason } as const;
  const ended = traceChange(traces, HOST, { change: into, from: RESERVED, at: 1_000 });
  traceList(traces, disabled('broken fan'), 2_000);
  // It has come late.
  traceList(traces, disabled(reason), 3_000);
  ended(4_000, 'unknown');
  expect(traces.get(HOST)).toMatchObject({
    disableAt: 4_000,
    markedAt: 3_000,
    disabledSince: { reason: 'broken fan', seenAt: 2_000 },
  });
});

it('what somebody makes of a host while such a request is open is kept, until they make it as it was', () => {
  const traces: Traces = new Map();
  const sinceOf = () => traces.get(HOST)?.disabledSince;
  traceChange(traces, HOST, { change: forceDown, from: ENABLED, at: 1_000 });
  traceList(traces, disabled(disabledReason('i1')), 1_500);
  expect(sinceOf()).toBeNull();
  traceList(traces, disabled(null), 2_000);
  expect(sinceOf()).toEqual({ reason: null, seenAt: 2_000 });
  traceList(traces, disabled(disabledReason('i1')), 3_000);
  expect(sinceOf()).toEqual({ reason: null, seenAt: 2_000 });
  traceList(traces, listed({}), 4_000);
  expect(sinceOf()).toBeNull();
});

it('... which they do not by our marker: that is a late request of ours', () => {
  const traces: Traces = new Map();
  const from: Setting = { status: 'disabled', disabledReason: disabledReason('i1') };
  traceChange(traces, HOST, { change: enable, from, at: 1_000 });
  traceList(traces, disabled('broken fan'), 2_000);
  traceList(traces, disabled(disabledReason('i1')), 3_000);
  expect(traces.get(HOST)?.disabledSince).toEqual({ reason: 'broken fan', seenAt: 2_000 });
});

it('what nova-compute does to its own service, where it has lost its libvirt, is nobody’s doing', () => {
  const traces: Traces = new Map();
  const from: Setting = { status: 'disabled', disabledReason: disabledReason('i1') };
  traceChange(traces, HOST, { change: enable, from, at: 1_000 });
  traceList(traces, disabled('AUTO: Connection to libvirt lost: 1'), 2_000);
  expect(traces.get(HOST)?.disabledSince).toBeNull();
});

it('what somebody makes of a host that was asked to be enabled is kept, until it is asked to be enabled anew', () => {
  const traces: Traces = new Map();
  const sinceOf = () => traces.get(HOST)?.disabledSince;
  traceList(traces, disabled('broken fan'), 500);
  expect(sinceOf()).toBeNull();
  traceChange(traces, HOST, { change: enable, from: RESERVED, at: 1_000 });
  for (const as of ['reserved', disabledReason('i1')]) traceList(traces, disabled(as), 2_000);
  expect(sinceOf()).toBeNull();
  traceList(traces, disabled('broken fan'), 3_000);
  traceList(traces, listed({}), 4_000);
  expect(sinceOf()).toEqual({ reason: 'broken fan', seenAt: 3_000 });
  traceList(traces, disabled(null), 5_000);
  expect(sinceOf()).toEqual({ reason: null, seenAt: 5_000 });
  traceChange(traces, HOST, {
    change: enable,
    from: { status: 'disabled', disabledReason: null },
    at: 6_000,
  });
  expect(sinceOf()).toBeNull();
});

it('when one was seen with our marker last is kept', () => {
  const traces: Traces = new Map();
  traceChange(traces, HOST, { change: forceDown, from: ENABLED, at: 1_000 })(2_000, 'done');
  traceList(traces, disabled(disabledReason('i1')), 3_000);
  traceList(traces, listed({}), 4_000);
  expect(traces.get(HOST)).toMatchObject({ markedAt: 3_000, disabledSince: null });
});

it('when one was asked to be enabled is kept, whenever that is given up', () => {
  const traces: Traces = new Map();
  const ended = traceChange(traces, HOST, { change: enable, from: RESERVED, at: 1_000 });
  ended(21_000, 'unknown');
  expect(traces.get(HOST)).toMatchObject({ enableSentAt: 1_000, enableAt: 21_000 });
});
