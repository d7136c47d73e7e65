import { oneLine } from '../pacemaker/errors.ts';
import { type FenceAgent, type FenceRequest, fenceHelp, fenceMetadata } from '../pacemaker/fence-agent.ts';
import type { FenceOptions } from '../pacemaker/fence-options.ts';
import { nodeProblem } from './fence-node.ts';
import { type FenceExit, type FencePorts, fail, print } from './fence-ports.ts';

/** Actions that are about a node. */
const NODE_ACTIONS: ReadonlySet<string> = new Set(['off', 'reboot', 'on', 'status']);

/**
 * What every fence agent answers alike, without the cluster: help, version, metadata, and a request about a node
 * that names none. Null when something else was asked.
 */
export function answerGeneral(
  agent: FenceAgent,
  request: FenceRequest,
  options: FenceOptions,
  ports: FencePorts,
): FenceExit | null {
  if (request.help) return print(ports, fenceHelp(agent));
  if (request.version) return print(ports, `${agent.version}\n`);
  for (const warning of [...request.warnings, ...options.warnings]) ports.log.info(warning);
  // Names only: values may be secrets.
  ports.log.debug(`action ${request.action}, parameters ${[...request.values.keys()].join(', ')}`);
  if (request.action === 'metadata' || request.action === 'manpage')
    return print(ports, fenceMetadata(agent));
  const problem = NODE_ACTIONS.has(request.action) ? nodeProblem(request, options) : null;
  return problem === null ? null : fail(ports, problem);
}

export function unknownAction(agent: FenceAgent, request: FenceRequest, ports: FencePorts): FenceExit {
  const known = agent.actions.map((action) => action.name).join(', ');
  return fail(
    ports,
    `unknown action ${oneLine(request.action).slice(0, 60)}; usage: -o ACTION with one of ${known}`,
  );
}
