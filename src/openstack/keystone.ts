import * as v from 'valibot';
import type { CloudCredentials, DomainRef, EndpointInterface } from './credentials.ts';
import { type CloudError, configError } from './errors.ts';
import { failure, type Result, success } from './result.ts';
import { TimestampSchema } from './time.ts';

const EndpointSchema = v.object({
  interface: v.string(),
  url: v.string(),
  region: v.nullish(v.string(), null),
  region_id: v.nullish(v.string(), null),
});

const CatalogueSchema = v.array(v.object({ type: v.string(), endpoints: v.array(EndpointSchema) }));

/** The body of `POST /v3/auth/tokens` (keystone/common/render_token.py), as far as it is needed. */
export const TokenBodySchema = v.object({
  token: v.object({
    issued_at: TimestampSchema,
    expires_at: TimestampSchema,
    user: v.object({ id: v.string(), name: v.string() }),
    project: v.optional(v.object({ id: v.string(), name: v.string() })),
    roles: v.optional(v.array(v.object({ name: v.string() })), []),
    catalog: v.optional(CatalogueSchema, []),
  }),
});

export type Catalogue = v.InferOutput<typeof CatalogueSchema>;

/** One endpoint of the catalogue; `url` has no slash at its end. */
export interface Endpoint {
  readonly service: string;
  readonly url: string;
  readonly region: string | null;
  readonly endpointInterface: EndpointInterface;
}

/** The request body that asks for a token. It holds the secret: it is for the wire alone. */
export function tokenRequest(credentials: CloudCredentials): unknown {
  if (credentials.kind === 'application-credential') {
    const { identifier, secret } = credentials;
    const who =
      'id' in identifier
        ? { id: identifier.id }
        : { name: identifier.name, user: { name: identifier.username, domain: identifier.userDomain } };
    return {
      auth: {
        identity: {
          methods: ['application_credential'],
          application_credential: { ...who, secret: secret.reveal() },
        },
      },
    };
  }
  const { username, password, userDomain, projectName, projectDomain } = credentials;
  return {
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: username, domain: userDomain, password: password.reveal() } },
      },
      scope: { project: { name: projectName, domain: projectDomain } },
    },
  };
}

/** Who logs in, in words for an operator. */
export function describeLogin(credentials: CloudCredentials): string {
  if (credentials.kind === 'application-credential') {
    const { identifier } = credentials;
    return 'id' in identifier
      ? `application credential ${identifier.id}`
      : `application credential ${identifier.name} of user ${identifier.username}`;
  }
  const { username, userDomain, projectName, projectDomain } = credentials;
  return `user ${username} (domain ${domainName(userDomain)}) in project ${projectName} (domain ${domainName(projectDomain)})`;
}

function domainName(domain: DomainRef): string {
  return 'name' in domain ? domain.name : domain.id;
}

/**
 * Finds a service's endpoint. There is no falling back to another interface or region: `no-endpoint` lists
 * what there is. Several regions without a `region_name` are a `config` error, because evacuating in the
 * region that happens to stand first would be wrong.
 */
export function findEndpoint(
  catalogue: Catalogue,
  service: string,
  credentials: Pick<CloudCredentials, 'regionName' | 'endpointInterface'>,
): Result<Endpoint, CloudError> {
  const { regionName, endpointInterface } = credentials;
  const all = catalogue
    .filter((entry) => entry.type === service)
    .flatMap((entry) => entry.endpoints)
    .map((each) => ({ url: each.url, interface: each.interface, region: each.region_id ?? each.region }));
  const fitting = all.filter(
    (endpoint) =>
      endpoint.interface === endpointInterface &&
      (regionName === undefined || endpoint.region === regionName),
  );
  const [first] = fitting;
  if (first === undefined) {
    const available = [
      ...new Set(all.map((endpoint) => `${endpoint.region ?? '-'}/${endpoint.interface}`)),
    ].sort();
    return failure({
      code: 'no-endpoint',
      certainty: 'definite',
      effect: 'none',
      service,
      region: regionName ?? null,
      endpointInterface,
      available,
    });
  }
  const regions = [...new Set(fitting.map((endpoint) => endpoint.region ?? '-'))].sort();
  if (regions.length > 1) {
    return failure(configError(`region_name is missing and ${service} is in several: ${regions.join(', ')}`));
  }
  const url = URL.canParse(first.url) ? new URL(first.url) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    return failure(
      configError(`the catalogue's ${endpointInterface} endpoint of ${service} is no http or https URL`),
    );
  }
  return success({
    service,
    url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    region: first.region,
    endpointInterface,
  });
}
