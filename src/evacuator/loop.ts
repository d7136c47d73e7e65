import { decide } from '../core/decide.ts';
import { type Look, NO_LOOK } from '../core/decision.ts';
import type { Observation } from '../core/observation.ts';
import type { Policy } from '../core/policy.ts';
import { EVACUATION_ATTRIBUTE, formatEvacuation } from '../core/records.ts';
import { type Acts, act, newActs } from './act.ts';
import { type Memory, newMemory } from './memory.ts';
import { observe } from './observe.ts';
import type { Ports } from './ports.ts';
import { newWritten, record } from './record.ts';

/** How long a clean stop waits for requests that are under way, ms; no request of ours lives longer than 20 s. */
export const DRAIN_LIMIT_MS = 25_000;

export interface EvacuatorOptions {
  /** NODE:START of this process; an identity that no other process has. */
  readonly owner: string;
  /** The policy in force, asked for in each step: it may be read anew while the evacuator runs. */
  readonly policy: () => Policy;
  readonly domain: string | null;
}

export interface Evacuator {
  /** Runs until {@link stop} is called; ends when nothing of it is under way any more. */
  run(): Promise<void>;
  /** Asks for a clean end: no new act begins. */
  stop(): void;
}

/** The evacuator: observe → decide → act → record, again and again. */
export function createEvacuator(ports: Ports, options: EvacuatorOptions): Evacuator {
  const memory = newMemory(options.owner, ports.clock.mono());
  const acts = newActs();
  const written = newWritten();
  let stopping = false;

  async function run(): Promise<void> {
    let look: Look = NO_LOOK;
    while (!stopping) {
      const observation = await observeNow(look);
      if (stopping) break;
      const decision = decide(observation, options.policy());
      act(ports, memory, acts, decision.commands);
      record(ports.journal, written, observation, decision);
      look = decision.look;
      if (decision.wakeMs > 0) await ports.clock.sleep(decision.wakeMs);
    }
    await endCleanly(ports, memory, acts, options.policy().timing.requestSettleMs);
  }

  /**
   * What was read before the process stood still is as old as that, however late it was heard: then it is read once more. So it is where
   * quorum was lost while Nova was asked, and an act has been told so.
   */
  async function observeNow(look: Look): Promise<Observation> {
    const observation = await observe(ports, memory, look, options.domain);
    const isOld = Math.max(ports.clock.thawedAt(), memory.quorumGoneAt) >= observation.begunAt;
    if (!isOld || stopping) return observation;
    return observe(ports, memory, look, options.domain);
  }

  return {
    run,
    stop(): void {
      stopping = true;
      ports.clock.wake();
    },
  };
}

/** Waits for what is under way, then writes into our records that nothing of ours is; a successor need not wait then. */
async function endCleanly(ports: Ports, memory: Memory, acts: Acts, settleMs: number): Promise<void> {
  const limit = ports.clock.mono() + DRAIN_LIMIT_MS;
  while (acts.running.size > 0 && ports.clock.mono() < limit) {
    await ports.clock.sleep(Math.min(100, limit - ports.clock.mono()));
  }
  if (acts.running.size > 0 || hasUnanswered(memory, ports.clock.mono() - settleMs)) return;
  const read = await ports.cluster.readNodes();
  // Without quorum, or unread, nothing is written; a successor then waits as after a death.
  if (!read.known || !read.value.haveQuorum) return;
  for (const node of read.value.nodes) {
    const held = node.evacuation;
    if (held === null || held === 'unreadable' || held.owner !== memory.owner || held.clean) continue;
    const answer = await ports.cluster.writePermanent(
      node.name,
      EVACUATION_ATTRIBUTE,
      formatEvacuation({ ...held, clean: true }),
    );
    if (!answer.ok)
      ports.journal.event({
        level: 'warn',
        msg: `the clean end could not be written down: ${answer.reason}`,
        node: node.name,
      });
  }
}

/** A request without an answer may still take effect: then this is no clean end. */
function hasUnanswered({ requests, unansweredChanges }: Memory, settledBefore: number): boolean {
  return (
    [...requests.values()].some((request) => request.state === 'unknown') ||
    [...unansweredChanges.values()].some((at) => at > settledBefore)
  );
}
