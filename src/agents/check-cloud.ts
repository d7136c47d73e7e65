import { credentialsFromParameters, needMachine } from '../openstack/credentials.ts';
import { explain } from '../openstack/errors.ts';
import { preflight } from '../openstack/preflight.ts';
import type { CloudProblem } from './nova-evacuate.ts';

/** Asks the cloud with an agent's parameters, as the agent would; gives what is wrong in one line, or null. */
export async function checkCloud(parameters: Readonly<Record<string, string>>): Promise<CloudProblem | null> {
  const credentials = await credentialsFromParameters(parameters);
  if (!credentials.ok) {
    return { of: needMachine(parameters) ? 'machine' : 'parameters', text: explain(credentials.error) };
  }
  const report = await preflight(credentials.value, {
    requestTimeoutMs: CHECK_LIMIT_MS,
    authTimeoutMs: CHECK_LIMIT_MS,
  });
  if (report.ok) return null;
  return {
    of: report.error.certainty === 'definite' ? 'machine' : 'moment',
    text: explain(report.error),
  };
}

/** How long one request of a check may take, ms. */
const CHECK_LIMIT_MS = 8_000;
