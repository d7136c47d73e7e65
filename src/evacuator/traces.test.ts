import { expect, it } from 'vitest';
import { hostName } from '../core/names.ts';
import type { ServiceView } from '../core/observation.ts';
import { disabledReason } from '../core/records.ts';
import { aService } from '../core/testing.ts';
import { type Traces, traceChange, traceList } from './traces.ts';

const HOST = hostName('compute-1');
const enable = { status: 'enabled' } as const;
const listed = (more: Partial<ServiceView>): readonly ServiceView[] => [aService('compute-1', more)];
const disabled = (reason: string | null): readonly ServiceView[] =>
  listed({ status: 'disabled', disabledReason: reason });

it('when a host was asked to be forced down, and was seen not to be, is kept', () => {
  const traces: Traces = new Map();
  traceList(traces, listed({}), 1_000);
  expect(traces.get(HOST)).toMatchObject({ notForcedAt: 1_000, forceDownAt: Number.NEGATIVE_INFINITY });
  const ended = traceChange(traces, HOST, { change: { forcedDown: true }, reason: null, at: 2_000 });
  expect(traces.get(HOST)).toMatchObject({ forceDownAt: 2_000 });
  ended(3_000, true);
  traceList(traces, listed({ forcedDown: true }), 4_000);
  expect(traces.get(HOST)).toMatchObject({ notForcedAt: 1_000, forceDownAt: 3_000, enableAt: -Infinity });
  // Its cell does not answer.
  traceList(traces, listed({ state: 'unknown' }), 90_000);
  expect(traces.get(HOST)).toMatchObject({ notForcedAt: 1_000 });
});

it('a request to enable is open until it is answered, and after it was given up', () => {
  const traces: Traces = new Map();
  const first = traceChange(traces, HOST, { change: enable, reason: 'reserved', at: 1_000 });
  expect(traces.get(HOST)).toMatchObject({ enableAt: 1_000 });
  first(2_000, false);
  expect(traces.get(HOST)).toMatchObject({ enableAt: 2_000 });
  // Another one that is answered does not take back that the first may yet come.
  traceChange(traces, HOST, { change: enable, reason: 'reserved', at: 3_000 })(3_500, true);
  expect(traces.get(HOST)).toMatchObject({ enableAt: 2_000 });
});

it('what somebody makes of a host that was asked to be enabled is kept, until it is asked to be enabled anew', () => {
  const traces: Traces = new Map();
  const sinceOf = () => traces.get(HOST)?.disabledSince;
  traceList(traces, disabled('broken fan'), 500);
  expect(sinceOf()).toBeNull();
  traceChange(traces, HOST, { change: enable, reason: 'reserved', at: 1_000 });
  for (const as of ['reserved', disabledReason('i1')]) traceList(traces, disabled(as), 2_000);
  expect(sinceOf()).toBeNull();
  traceList(traces, disabled('broken fan'), 3_000);
  traceList(traces, listed({}), 4_000);
  expect(sinceOf()).toEqual({ reason: 'broken fan', seenAt: 3_000 });
  traceList(traces, disabled(null), 5_000);
  expect(sinceOf()).toEqual({ reason: null, seenAt: 5_000 });
  traceChange(traces, HOST, { change: enable, reason: null, at: 6_000 });
  expect(sinceOf()).toBeNull();
});
