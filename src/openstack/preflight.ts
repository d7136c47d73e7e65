import type { CloudCredentials } from './credentials.ts';
import type { CloudError } from './errors.ts';
import { createNova } from './nova.ts';
import { failure, type Result, success } from './result.ts';
import { createSession, type Session, type SessionOptions } from './session.ts';

/** What credentials lead to. */
export interface PreflightReport {
  readonly region: string | null;
  /** URL of the compute endpoint that will be used. */
  readonly endpoint: string;
  readonly microversionMax: string;
  readonly microversionUsed: string;
  readonly user: string;
  readonly project: string | null;
}

/**
 * Tries credentials out as `validate-all` wants it: logs in, finds the compute endpoint, reads its version
 * document and does one read that needs the admin role. Changes nothing. The first error is the answer;
 * `explain` makes it one line for the operator.
 */
export async function preflight(
  credentials: CloudCredentials,
  options: SessionOptions = {},
): Promise<Result<PreflightReport>> {
  const session = createSession(credentials, options);
  try {
    return await inspectCloud(session);
  } finally {
    await session.close();
  }
}

async function inspectCloud(session: Session): Promise<Result<PreflightReport>> {
  const identity = await session.identity();
  if (!identity.ok) return identity;
  const endpoint = await session.endpoint('compute');
  if (!endpoint.ok) return endpoint;
  const nova = createNova(session);
  const versions = await nova.microversions();
  if (!versions.ok) return versions;
  const services = await nova.listComputeServices();
  if (!services.ok) return failure(asMissingRole(services.error, session.login));
  return success({
    region: endpoint.value.region,
    endpoint: endpoint.value.url,
    microversionMax: versions.value.max,
    microversionUsed: versions.value.used,
    user: identity.value.user,
    project: identity.value.project,
  });
}

/** Whatever words a 403 to reading the services has, the user lacks the role. */
function asMissingRole(error: CloudError, login: string): CloudError {
  if (error.code !== 'http' || error.status !== 403) return error;
  const { service, method, url, message } = error;
  return {
    code: 'auth-forbidden',
    certainty: 'definite',
    effect: 'none',
    service,
    method,
    url,
    login,
    message,
  };
}
