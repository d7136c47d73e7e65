import type { HostVerdict } from './decision.ts';
import { type Draft, issue } from './draft.ts';
import type { ClusterView, NodeView } from './observation.ts';
import {
  EVACUATION_ATTRIBUTE,
  formatHoldAnswer,
  type HoldAnswer,
  INCIDENT_ATTRIBUTE,
  isBootLetGo,
  isHoldToken,
} from './records.ts';
import { whyBothBlocked } from './twins.ts';

/** The longest reason that goes into the answer's attribute, characters. */
const MAX_REASON_LENGTH = 200;

/**
 * Answers a boot that asks to be let go. It needs the cluster only, never Nova: a node without an incident must
 * come up while the cloud's APIs are still down.
 */
export function answerHold(draft: Draft, cluster: ClusterView, node: NodeView): void {
  const token = node.holdToken;
  if (token === null || !isHoldToken(token) || node.online !== true) return;
  // Nobody hears another answer any more, and this one tells that an incident which stands all the same is over (proof.ts).
  if (isBootLetGo(node)) return;
  const verdict = draft.verdicts.find((each) => each.node === node.name);
  const given = mayGo(node, verdict, whyBothBlocked(draft.observation, cluster, node));
  const answer = formatHoldAnswer(token, given);
  if (node.holdAnswer === answer) return;
  issue(draft, { kind: 'answer-hold', node: node.name, answer, released: given.released });
}

/** Whether nothing in the cluster says that a node is to be held. */
export function isFree({ incident, evacuation, mark }: NodeView): boolean {
  if (incident !== null || mark === 'yes') return false;
  return evacuation !== 'unreadable' && evacuation?.phase !== 'evacuating';
}

function mayGo(node: NodeView, verdict: HostVerdict | undefined, twins: string | null): HoldAnswer {
  const hold = (reason: string): HoldAnswer => ({
    released: false,
    // People's words are in it, and Nova's: an attribute takes one line without control characters.
    reason: reason.replace(/\p{Cc}+/gu, ' ').slice(0, MAX_REASON_LENGTH),
  });
  if (twins !== null) return hold(twins);
  if (isFree(node)) return { released: true };
  if (node.incident === 'unreadable') return hold(`the attribute ${INCIDENT_ATTRIBUTE} can't be read`);
  if (node.evacuation === 'unreadable') return hold(`the attribute ${EVACUATION_ATTRIBUTE} can't be read`);
  if (node.incident !== null) return hold(verdict?.text ?? 'its evacuation has not begun');
  if (node.mark === 'yes') return hold('it is marked evacuate=yes');
  return hold(verdict?.text ?? 'its evacuation is not over');
}
