import { DEFAULT_POLICY, type OperatorPolicy, type Policy } from '../../core/policy.ts';
import type { Clock } from '../../evacuator/ports.ts';
import { loadPolicy } from '../../policy/file.ts';
import type { Journal } from './journal.ts';
import type { Settings } from './settings.ts';

/** The policy that the evacuator works by, and how it is read again. */
export interface PolicyInForce {
  current(): Policy;
  /** Reads the file again; a broken one changes nothing but the log and the status. */
  readAgain(): void;
}

/**
 * `first` is what was read at the start. What is asked for later is read one after another, in the order in which it was asked for; how
 * each reading ended goes to the journal, and wakes the loop. `load`: the simulator has no files.
 */
export function policyInForce(
  first: OperatorPolicy,
  settings: Pick<Settings, 'policyFile' | 'overrides'>,
  journal: Pick<Journal, 'event' | 'policy'>,
  clock: Clock,
  load: typeof loadPolicy = loadPolicy,
): PolicyInForce {
  const { policyFile, overrides } = settings;
  let policy: Policy = { ...DEFAULT_POLICY, ...first };
  let readAt = clock.now();
  let reading = Promise.resolve();
  journal.policy({ file: policyFile, readAt, trouble: null });

  async function read(): Promise<void> {
    const next = await load(policyFile, overrides);
    if (next.ok) {
      policy = { ...DEFAULT_POLICY, ...next.value };
      readAt = clock.now();
      journal.event({ level: 'info', msg: `the policy ${policyFile} was read again and is in force` });
    } else {
      journal.event({ level: 'error', msg: `${next.error}; the policy read before stays in force` });
    }
    journal.policy({ file: policyFile, readAt, trouble: next.ok ? null : next.error });
    clock.wake();
  }

  return {
    current: () => policy,
    readAgain: () => {
      // One after another: the file as it was earlier must not come after what it is now.
      reading = reading.then(read);
    },
  };
}
