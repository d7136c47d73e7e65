import * as v from 'valibot';
import { type CloudError, type Effect, isMatterOfTime, oneLine, type Where } from './errors.ts';
import { type Secret, scrub } from './secret.ts';
import type { TransportFailure } from './transport.ts';

/**
 * What became of a request that got no answer. `caFile`: the CA bundle of the credentials, if any. A request that writes may
 * have been carried out all the same; one that asks for a token changes nothing.
 */
export function failureOf(
  where: Where,
  error: TransportFailure,
  { timeoutMs, caFile }: { readonly timeoutMs: number; readonly caFile: string | null },
): CloudError {
  const effect: Effect = where.method === 'GET' || where.service === 'identity' ? 'none' : 'unknown';
  switch (error.kind) {
    case 'unreachable':
      return {
        code: 'unreachable',
        certainty: 'passing',
        effect: 'none',
        ...where,
        reason: error.reason,
        message: error.detail,
      };
    case 'tls-untrusted':
      return {
        code: 'tls-untrusted',
        certainty: isMatterOfTime(error.detail) ? 'passing' : 'definite',
        effect: 'none',
        ...where,
        caFile,
        message: error.detail,
      };
    case 'timeout':
      return { code: 'timeout', certainty: 'passing', effect, ...where, afterMs: timeoutMs };
    case 'lost':
      return { code: 'connection-lost', certainty: 'passing', effect, ...where, message: error.detail };
    case 'too-large':
      return { code: 'bad-answer', certainty: 'passing', effect, ...where, message: error.detail };
    default:
      return error satisfies never;
  }
}

/** Undefined when the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const FaultSchema = v.object({ message: v.string() });
const ErrorsSchema = v.object({ errors: v.array(v.object({ detail: v.string() })) });

/**
 * The words of an error body: `{"badRequest": {"message"}}` (nova/api/openstack/wsgi.py Fault), `{"error":
 * {"message"}}` (Keystone) or `{"errors": [{"detail"}]}` (Placement). Null when it is none of these.
 */
export function serverMessage(json: unknown, secrets: readonly Secret[]): string | null {
  const errors = v.safeParse(ErrorsSchema, json);
  const detail = errors.success ? errors.output.errors[0]?.detail : undefined;
  const fault = v.safeParse(v.record(v.string(), v.unknown()), json);
  const inner = fault.success
    ? Object.values(fault.output).find((value) => v.is(FaultSchema, value))
    : undefined;
  const text = detail ?? (v.is(FaultSchema, inner) ? inner.message : undefined);
  return text === undefined ? null : oneLine(scrub(text, secrets));
}

/** Which fields a schema missed: paths and types, no values. */
export function schemaIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  const first = issues[0];
  const path = first === undefined ? null : v.getDotPath(first);
  return oneLine(`${path ?? 'the body'} is not ${first?.expected ?? first?.message ?? 'as expected'}`);
}
