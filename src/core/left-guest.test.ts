import { describe, expect, it } from 'vitest';
import { type LeftGuestFacts, whyGuestMayBeLeft } from './left-guest.ts';
import type { ServerView } from './observation.ts';
import { aServer } from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const conflict = (expected: string): string =>
  `Conflict updating instance ${aServer().id}. Expected: {'task_state': ['${expected}']}. Actual: {'task_state': None}`;

const why = (
  server: Partial<ServerView>,
  evacuations: LeftGuestFacts['evacuations'],
  more: Partial<LeftGuestFacts> = {},
): string | null =>
  whyGuestMayBeLeft({
    server: aServer({ vmState: 'error', ...server }),
    evacuations,
    since: 0,
    wasStopped: false,
    isLost: () => false,
    wasOff: () => false,
    ...more,
  });

describe('a guest that Nova may have left where it gave the evacuation up', () => {
  const failed = [evacuation({ status: 'failed' })];

  it('is seen by the fault that Nova finds after the spawn only', () => {
    const fault = conflict('rebuild_spawning');
    expect(why({ fault }, failed)).toMatch(/gave .*up after its guest had been started: .*compute-2/);
    // What the releases on Python 2 have written.
    expect(why({ fault: fault.replace("['", "[u'") }, failed)).not.toBeNull();
    for (const expected of ['rebuilding', 'rebuild_block_device_mapping'])
      expect(why({ fault: conflict(expected) }, failed)).toBeNull();
    expect(why({ fault: 'No valid host was found.' }, failed)).toBeNull();
    expect(why({ fault: null }, failed)).toBeNull();
  });

  it('may be where nova-conductor or its database did not answer, of which Nova gives the name alone', () => {
    for (const fault of ['MessagingTimeout', 'DBConnectionError', 'RemoteError', 'OperationalError']) {
      expect(why({ fault }, failed)).toMatch(new RegExp(`for ${fault}, .* may run on compute-2`));
      // An older fault of something else.
      expect(why({ fault }, [evacuation({ status: 'error' })])).toBeNull();
      expect(why({ fault }, failed, { wasOff: () => true })).toBeNull();
    }
    for (const fault of ['libvirtError', 'Timed out waiting for the network', 'BuildAbortException'])
      expect(why({ fault }, failed)).toBeNull();
  });

  it('may be where it had been stopped, and the hypervisor could not stop it again after the spawn', () => {
    for (const fault of [
      'Failed to power off instance: operation time out',
      'libvirtError',
      'Error from libvirt while looking up instance-00000001: [Error Code 38] ...',
      'Connection to the hypervisor is broken on host',
    ]) {
      expect(why({ fault }, failed, { wasStopped: true })).toMatch(
        /it had been stopped, so .* may run on compute-2/,
      );
      expect(why({ fault }, failed, { wasStopped: true, wasOff: () => true })).toBeNull();
      // One that ran is not stopped: there the spawn itself has failed.
      expect(why({ fault }, failed)).toBeNull();
      expect(why({ fault }, [evacuation({ status: 'error' })], { wasStopped: true })).toBeNull();
    }
    expect(why({ fault: 'No valid host was found.' }, failed, { wasStopped: true })).toBeNull();
  });

  it('is not where the instance has been repaired: only ERROR shows its fault', () => {
    expect(why({ fault: conflict('rebuild_spawning'), vmState: 'active' }, failed)).toBeNull();
  });

  it('may run still where its user has stopped the instance since, for which Nova shows no fault any more', () => {
    const [each] = failed;
    const since = (each?.createdAt ?? 0) + 1;
    const stopped = { vmState: 'stopped', fault: null };
    expect(why(stopped, failed, { since })).toMatch(
      /earlier evacuation of it failed, .* may run on compute-2/,
    );
    expect(why(stopped, failed, { since, wasOff: () => true })).toBeNull();
    expect(why(stopped, [evacuation({ status: 'failed', dest: null })], { since })).toBeNull();
    // It has moved since, or it is an attempt of this incident: one that the destination had no room for.
    expect(why(stopped, [...failed, evacuation({ id: 2, status: 'completed' })], { since })).toBeNull();
    expect(why(stopped, failed, { since: since - 1 })).toBeNull();
    expect(why({ vmState: 'active', fault: null }, failed, { since })).toBeNull();
  });

  it('is feared though the evacuation is so old that it is not known any more', () => {
    expect(why({ fault: conflict('rebuild_spawning') }, [])).toMatch(/destination of its last evacuation/);
    expect(why({ fault: conflict('rebuild_spawning') }, [], { wasOff: () => true })).not.toBeNull();
  });

  it('may be started yet where Nova says completed of an evacuation that has not moved it', () => {
    const completed = [evacuation({ status: 'failed' }), evacuation({ id: 2, status: 'completed' })];
    expect(why({}, completed)).toMatch(/says completed .*compute-2/);
    expect(why({ vmState: 'active' }, completed)).toBeNull();
    // One that failed after it was asked for later.
    expect(why({}, [...completed, evacuation({ id: 3, status: 'error' })])).toBeNull();
    // One whose destination died after that is over.
    const lost = [...completed, evacuation({ id: 3, status: 'pre-migrating' })];
    expect(why({}, lost, { isLost: ({ id }) => id === 3 })).not.toBeNull();
  });

  it('is gone when its host has been off since', () => {
    const wasOff: LeftGuestFacts['wasOff'] = ({ id }) => id === 1;
    expect(why({ fault: conflict('rebuild_spawning') }, failed, { wasOff })).toBeNull();
    expect(why({}, [evacuation({ status: 'completed' })], { wasOff })).toBeNull();
    expect(why({}, [evacuation({ id: 2, status: 'completed' })], { wasOff })).not.toBeNull();
  });
});
