import { oneLine } from '../pacemaker/errors.ts';
import { type FenceAgent, type FenceRequest, fenceHelp, fenceMetadata } from '../pacemaker/fence-agent.ts';
import type { FenceOptions } from '../pacemaker/fence-options.ts';
import { type FenceExit, type FencePorts, fail, print } from './fence-ports.ts';

/** What every fence agent answers alike: help, version, metadata. Null when something else was asked. */
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
  const isMetadata = request.action === 'metadata' || request.action === 'manpage';
  return isMetadata ? print(ports, fenceMetadata(agent)) : null;
}

export function unknownAction(agent: FenceAgent, request: FenceRequest, ports: FencePorts): FenceExit {
  const known = agent.actions.map((action) => action.name).join(', ');
  return fail(
    ports,
    `unknown action ${oneLine(request.action).slice(0, 60)}; usage: -o ACTION with one of ${known}`,
  );
}
