import { type Check, type Problem, warning } from '../finding.ts';

/** Nova's tokens and records are compared with our clock nowhere, but records of two controllers are: 2 s are tolerated. */
const MAX_SKEW_MS = 2_000;

export const clocks: Check = {
  id: 'clocks',
  needs: ['cloud'],
  title: 'the clocks agree',
  looksAt: "this controller's clock against Nova's, and whether it is synchronised",
  run: ({ local, cloud }) => {
    const problems: Problem[] = [];
    if (local.clockSynchronised === false)
      problems.push(
        warning(`the clock of ${local.node} is not synchronised`, 'systemctl status chronyd', local.node),
      );
    const skewMs = cloud.known ? cloud.value.clockSkewMs : null;
    // The answer took a moment, and Nova tells whole seconds.
    if (skewMs !== null && Math.abs(skewMs) > MAX_SKEW_MS)
      problems.push(
        warning(
          `Nova's clock differs from the one of ${local.node} by ${(skewMs / 1000).toFixed(1)} s`,
          'synchronise both (chronyc tracking)',
          local.node,
        ),
      );
    return problems;
  },
};
