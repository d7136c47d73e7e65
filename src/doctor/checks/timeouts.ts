import { FENCE_COMPUTE_OFF_LIMIT_S, FENCE_COMPUTE_ON_LIMIT_S } from '../../configure/timing.ts';
import { parseTimeMs } from '../../core/duration.ts';
import type { ConfiguredResource } from '../../pacemaker/resources.ts';
import { type ConfigurationFacts, evacuatorOf, waitsOf } from '../facts.ts';
import { type Check, type Problem, warning } from '../finding.ts';

/** Pacemaker's own where nothing is set. */
const DEFAULT_OPERATION_MS = 20_000;
const DEFAULT_STONITH_MS = 60_000;
const DEFAULT_RECHECK_MS = 900_000;
const DEFAULT_DELAY_MS = 120_000;
/** What an agent keeps of its timeout to end with a reason. */
const MARGIN_MS = 5_000;
const MAX_RECHECK_MS = 300_000;
/** A clean stop of the evacuator waits so long for requests under way. */
const STOP_MS = 30_000;

export const timeouts: Check = {
  id: 'timeouts',
  needs: ['configuration'],
  title: 'the times fit each other',
  looksAt:
    'timeouts of operations, evacuation_delay, stonith-timeout, cluster-recheck-interval, failure-timeout',
  run: ({ configuration }) => (configuration.known ? problemsOf(configuration.value) : []),
};

function problemsOf(configuration: ConfigurationFacts): Problem[] {
  const property = (name: string, fallback: number): number =>
    parseTimeMs(configuration.cluster.properties.get(name) ?? '') ?? fallback;
  const stonith = property('stonith-timeout', DEFAULT_STONITH_MS);
  const recheck = property('cluster-recheck-interval', DEFAULT_RECHECK_MS);
  const needed = Math.max(FENCE_COMPUTE_OFF_LIMIT_S, FENCE_COMPUTE_ON_LIMIT_S) * 1000;
  const evacuator = evacuatorOf(configuration);
  return [
    ...(stonith < needed
      ? [
          warning(
            `stonith-timeout is ${stonith / 1000} s, fence_compute needs up to ${needed / 1000} s`,
            'pcs property set stonith-timeout=60s',
          ),
        ]
      : []),
    ...(recheck === 0 || recheck > MAX_RECHECK_MS
      ? [
          warning(
            `cluster-recheck-interval is ${recheck === 0 ? 'off' : `${recheck / 1000} s`}: so long Pacemaker does nothing after it has given a fencing up`,
            'pcs property set cluster-recheck-interval=60s',
          ),
        ]
      : []),
    ...waitsOf(configuration).flatMap(waitProblems),
    ...(evacuator === null ? [] : evacuatorProblems(evacuator)),
  ];
}

function waitProblems(wait: ConfiguredResource): Problem[] {
  const delay = parseTimeMs(wait.parameters.get('evacuation_delay') ?? '') ?? DEFAULT_DELAY_MS;
  const start = timeoutOf(wait, 'start');
  const problems: Problem[] = [];
  if (start < delay + MARGIN_MS)
    problems.push(
      warning(
        `a start of ${wait.id} may take ${start / 1000} s and waits up to ${delay / 1000} s (evacuation_delay): it is cut off before it can say why`,
        `pcs resource update ${wait.id} op start timeout=${delay / 1000 + 30}s`,
      ),
    );
  if ((parseTimeMs(wait.meta.get('failure-timeout') ?? '') ?? 0) === 0)
    problems.push(
      warning(
        `${wait.id} has no failure-timeout: a compute whose evacuation outlasts one start is never tried again`,
        `pcs resource meta ${wait.id} failure-timeout=30s`,
      ),
    );
  return problems;
}

function evacuatorProblems(evacuator: ConfiguredResource): Problem[] {
  const problems: Problem[] = [];
  if (timeoutOf(evacuator, 'stop') < STOP_MS)
    problems.push(
      warning(
        `a stop of ${evacuator.id} may take ${timeoutOf(evacuator, 'stop') / 1000} s, and a clean one takes up to ${STOP_MS / 1000} s: the controller would be fenced`,
        `pcs resource update ${evacuator.id} op stop timeout=60s`,
      ),
    );
  if (!evacuator.operations.some(({ name, intervalMs }) => name === 'monitor' && intervalMs > 0))
    problems.push(
      warning(
        `${evacuator.id} has no monitor: its death would not be seen`,
        `pcs resource update ${evacuator.id} op monitor interval=10s timeout=30s`,
      ),
    );
  return problems;
}

function timeoutOf(resource: ConfiguredResource, name: string): number {
  return resource.operations.find((operation) => operation.name === name)?.timeoutMs ?? DEFAULT_OPERATION_MS;
}
