import type { CheckerKind } from './checker.ts';
import { noResetState, oneActor, quorum, remoteTools } from './conduct.ts';
import { givenBack } from './given-back.ts';
import { hold } from './hold.ts';
import { nobodyForgotten } from './nobody-forgotten.ts';
import { observed } from './observed.ts';
import { oneEvacuation } from './one-evacuation.ts';
import { oneHost } from './one-host.ts';
import { operators } from './operators.ts';
import { proof } from './proof.ts';
import { users } from './users.ts';
import { reasons, secrets } from './words.ts';

/** All checkers that watch every step; liveness.ts has what must come true in the end. */
export const CHECKERS: readonly CheckerKind[] = [
  oneHost,
  oneEvacuation,
  proof,
  hold,
  observed,
  nobodyForgotten,
  noResetState,
  quorum,
  oneActor,
  operators,
  users,
  givenBack,
  secrets,
  reasons,
  remoteTools,
];
