import * as v from 'valibot';
import { schemaIssues } from './answers.ts';
import { failure, type Result, success } from './result.ts';
import type { ServiceRequest, Session } from './session.ts';

/** Reads from one service of the catalogue; every answer is checked by a schema. */
export type ReadService = <T>(
  request: Omit<ServiceRequest, 'method'>,
  schema: v.GenericSchema<unknown, T>,
) => Promise<Result<T>>;

/** Makes the reader of a service. */
export function openServiceReader(session: Session, service: string, microversion?: string): ReadService {
  return async (asked, schema) => {
    const request: ServiceRequest = {
      ...asked,
      method: 'GET',
      ...(microversion === undefined ? {} : { microversion }),
    };
    const answer = await session.request(service, request);
    if (!answer.ok) return answer;
    const body = v.safeParse(schema, answer.value.body);
    if (body.success) return success(body.output);
    const where = session.where(service, request);
    const message = schemaIssues(body.issues);
    return failure({ code: 'bad-answer', certainty: 'passing', effect: 'none', ...where, message });
  };
}

/**
 * The path below an endpoint that may or may not end in the version already: catalogues have both forms for
 * Glance and Neutron (`http://glance:9292`, `http://glance:9292/v2`).
 */
export async function versionedPath(
  session: Session,
  service: string,
  version: string,
  path: string,
): Promise<Result<string>> {
  const endpoint = await session.endpoint(service);
  if (!endpoint.ok) return endpoint;
  return success(/\/v\d+(\.\d+)?$/.test(endpoint.value.url) ? path : `/${version}${path}`);
}
