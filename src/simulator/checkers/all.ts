import { affinity } from './affinity.ts';
import type { CheckerKind } from './checker.ts';
import { noResetState, oneActor, quorum, remoteTools } from './conduct.ts';
import { gates } from './gates.ts';
import { givenBack } from './given-back.ts';
import { hold } from './hold.ts';
import { localDisk } from './local-disk.ts';
import { nobodyForgotten } from './nobody-forgotten.ts';
import { observed } from './observed.ts';
import { oneEvacuation } from './one-evacuation.ts';
import { oneHost } from './one-host.ts';
import { operators } from './operators.ts';
import { order } from './order.ts';
import { pace } from './pace.ts';
import { placement } from './placement.ts';
import { proof } from './proof.ts';
import { quarantine } from './quarantine.ts';
import { reserves } from './reserves.ts';
import { selection } from './selection.ts';
import { serverGroups } from './server-groups.ts';
import { users } from './users.ts';
import { reasons, secrets, unmarkedDeaths } from './words.ts';
import { zones } from './zones.ts';

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
  unmarkedDeaths,
  remoteTools,
  selection,
  localDisk,
  order,
  serverGroups,
  affinity,
  placement,
  pace,
  gates,
  quarantine,
  reserves,
  zones,
];
