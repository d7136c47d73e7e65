import { type CheckerKind, isChange, isOurs } from './checker.ts';

/** reset-state is never asked for. */
export const noResetState: CheckerKind = {
  name: 'reset-state is never used',
  invariants: [7],
  make: (scene) => ({
    fact(fact) {
      if (fact.kind !== 'request' || !isOurs(fact.by)) return;
      if (fact.body !== null && typeof fact.body === 'object' && 'os-resetState' in fact.body)
        scene.violate(`reset-state was asked for: ${fact.path}`);
    },
  }),
};

/** A process that was last told that it has no quorum changes nothing. */
export const quorum: CheckerKind = {
  name: 'without quorum nothing is done',
  invariants: [13],
  make(scene) {
    return {
      sending(process, { call }) {
        if (!isChange(call)) return;
        const seen = scene.sawQuorum(process);
        if (seen === false) scene.violate(`a process on ${process.machine} sends ${call} without quorum`);
      },
    };
  },
};

/** Once a newer process is there, an older one sends nothing that changes anything. */
export const oneActor: CheckerKind = {
  name: 'one actor in the cluster',
  invariants: [12],
  make: (scene) => ({
    sending(process, { call }) {
      if (!isChange(call)) return;
      const newer = scene.living().find((other) => other.id > process.id);
      if (newer !== undefined)
        scene.violate(
          `a process on ${process.machine} sends ${call} though a newer one works on ${newer.machine}`,
        );
    },
  }),
};

/** On a remote node only attrd_updater may be called. */
export const remoteTools: CheckerKind = {
  name: 'a remote node calls attrd_updater only',
  invariants: [10],
  make: (scene) => ({
    fact(fact) {
      if (fact.kind === 'fault' && fact.what.includes('was called on the remote node'))
        scene.violate(fact.what);
    },
  }),
};
