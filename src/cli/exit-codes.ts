/** The exit codes of every command. They are an interface: scripts rest on them. */
export const EXIT_CODES = {
  ok: { code: 0, says: 'done, or nothing is wrong' },
  failed: { code: 1, says: 'it could not be done; the reason is on standard error' },
  differs: { code: 2, says: 'there is something to change' },
  conflict: { code: 3, says: 'something that is not ours stands in the way; nothing was changed' },
  warning: { code: 4, says: 'works, but something should be looked at' },
  fault: { code: 5, says: 'something is wrong, and instance HA would suffer by it' },
  unknown: { code: 6, says: 'it could not be looked at: the cluster or the cloud does not answer' },
  declined: { code: 7, says: 'the question was not answered with yes' },
  usage: { code: 64, says: 'the command line is wrong' },
  notYet: { code: 75, says: 'not yet: try again' },
  interrupted: { code: 130, says: 'interrupted by Ctrl-C; nothing is half done' },
} as const satisfies Record<string, { readonly code: number; readonly says: string }>;

export type ExitName = keyof typeof EXIT_CODES;
