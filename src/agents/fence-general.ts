import { oneLine } from '../pacemaker/errors.ts';
import {
  type FenceAgent,
  type FenceRequest,
  fenceHelp,
  fenceMetadata,
  numberProblems,
} from '../pacemaker/fence-agent.ts';
import type { FenceOptions } from '../pacemaker/fence-options.ts';
import { nodeProblem } from './fence-node.ts';
import { type FenceExit, type FencePorts, fail, print } from './fence-ports.ts';

/** Actions that are about a node. */
const NODE_ACTIONS: ReadonlySet<string> = new Set(['off', 'reboot', 'on', 'status']);
/**
 * Actions that a number which is none does not stop: Pacemaker fences with a device whose monitor fails too, and a
 * host that is not recorded is not evacuated.
 */
const PATIENT_ACTIONS: ReadonlySet<string> = new Set(['off', 'reboot', 'on']);

/**
 * What every fence agent answers alike, without the cluster: help, metadata, version (in this order, as fencing.py
 * has it), numbers that are none, and a request about a node that names none. Null when something else was asked.
 */
export function answerGeneral(
  agent: FenceAgent,
  request: FenceRequest,
  options: FenceOptions,
  ports: FencePorts,
): FenceExit | null {
  const { action, warnings } = request;
  if (request.help) return print(ports, fenceHelp(agent));
  if (action === 'metadata' || action === 'manpage') return print(ports, fenceMetadata(agent));
  if (request.version) return print(ports, `${agent.version}\n`);
  for (const warning of [...warnings, ...options.warnings]) ports.log.info(warning);
  // Names only: values may be secrets.
  ports.log.debug(`action ${oneLine(action)}, parameters ${[...request.values.keys()].join(', ')}`);
  const problem =
    numbersProblem(request, ports) ?? (NODE_ACTIONS.has(action) ? nodeProblem(request, options) : null);
  return problem === null ? null : fail(ports, problem);
}

function numbersProblem(request: FenceRequest, ports: FencePorts): string | null {
  const problems = numberProblems(request);
  if (problems.length === 0) return null;
  // validate-all says all that is wrong, in one go.
  if (request.action === 'validate-all') return null;
  if (!PATIENT_ACTIONS.has(request.action)) return problems.join('; ');
  for (const problem of problems) ports.log.info(`${problem}; its default is taken`);
  return null;
}

/** Refuses an action that the agent's table has not: one line with those that it has, exit code 1. Of the word 60 characters are shown. */
export function unknownAction(agent: FenceAgent, request: FenceRequest, ports: FencePorts): FenceExit {
  const known = agent.actions.map((action) => action.name).join(', ');
  return fail(
    ports,
    `unknown action "${oneLine(request.action).slice(0, 60)}"; usage: -o ACTION with one of ${known}`,
  );
}
