import { capacity } from './checks/capacity.ts';
import { clocks } from './checks/clocks.ts';
import { connectivity } from './checks/connectivity.ts';
import { credentials } from './checks/credentials.ts';
import { errors } from './checks/errors.ts';
import { hold } from './checks/hold.ts';
import { incidents } from './checks/incidents.ts';
import { installation } from './checks/installation.ts';
import { names } from './checks/names.ts';
import { novaConf } from './checks/nova-conf.ts';
import { pause } from './checks/pause.ts';
import { placement } from './checks/placement.ts';
import { properties } from './checks/properties.ts';
import { protection } from './checks/protection.ts';
import { quorum } from './checks/quorum.ts';
import { reading } from './checks/reading.ts';
import { resources } from './checks/resources.ts';
import { services } from './checks/services.ts';
import { timeouts } from './checks/timeouts.ts';
import type { Facts } from './facts.ts';
import { type Check, type Problem, type Severity, unsure } from './finding.ts';

/** Every check, in the order in which operators look. */
export const CHECKS: readonly Check[] = [
  credentials,
  connectivity,
  errors,
  protection,
  names,
  quorum,
  properties,
  resources,
  hold,
  incidents,
  pause,
  services,
  timeouts,
  installation,
  clocks,
  novaConf,
  capacity,
  placement,
  reading,
];

export interface CheckResult {
  readonly check: Check;
  readonly verdict: Severity;
  readonly problems: readonly Problem[];
}

const ORDER: readonly Severity[] = ['ok', 'warning', 'unknown', 'fault'];

/** All checks over the same facts; with a node only what is about it, or about the whole. */
export function runChecks(facts: Facts, node: string | null = null): readonly CheckResult[] {
  return CHECKS.map((check) => {
    const all = [...check.run(facts), ...notLookedAt(check, facts)];
    const problems = all.filter((problem) => node === null || problem.node === null || problem.node === node);
    return { check, verdict: worstOf(problems.map(({ severity }) => severity)), problems };
  });
}

/** What could not be read is not right: a check that lacks its facts says so, once. */
function notLookedAt(check: Check, facts: Facts): Problem[] {
  const reasons = check.needs.flatMap((need) => {
    const fact = facts[need];
    return fact.known ? [] : [fact.reason];
  });
  if (reasons.length === 0) return [];
  return [
    unsure(
      `not looked at: ${[...new Set(reasons)].join('; ')}`,
      'first repair what keeps it from being read',
    ),
  ];
}

/** The worst of them, where a fault is worse than what is unknown, and that than a warning; `ok` when there are none. */
export function worstOf(severities: readonly Severity[]): Severity {
  return severities.reduce<Severity>(
    (worst, each) => (ORDER.indexOf(each) > ORDER.indexOf(worst) ? each : worst),
    'ok',
  );
}
