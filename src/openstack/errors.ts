/** `definite`: a file, Keystone, TLS or the catalogue says that the configuration is wrong. `passing`: may mend itself. */
export type Certainty = 'definite' | 'passing';

/** Verification results that another moment, or a clock put right, changes. */
const CLOCK_RESULTS = /^(CERT|CRL)_(NOT_YET_VALID|HAS_EXPIRED)$/;

/** Whether a certificate is refused for the time alone: the clock of this machine may be what is wrong. */
export function isMatterOfTime(verification: string): boolean {
  return CLOCK_RESULTS.test(verification);
}

/** `none`: the request changed nothing. `unknown`: it may have been carried out; look before asking again. */
export type Effect = 'none' | 'unknown';

/** Why no connection came about. */
export type UnreachableReason = 'dns' | 'refused' | 'no-route' | 'connect-timeout' | 'not-tls' | 'other';

interface Failure<Code extends string> {
  readonly code: Code;
  readonly certainty: Certainty;
  readonly effect: Effect;
}

/** Where a request went. `url` has neither credentials nor query. */
export interface Where {
  /** Service type of the catalogue; `identity` is Keystone at auth_url. */
  readonly service: string;
  readonly method: string;
  readonly url: string;
}

/** Every operating error of this folder. `message` is the other side's own word, on one line, scrubbed of secrets. */
export type CloudError =
  | (Failure<'auth-refused'> & { readonly url: string; readonly login: string; readonly message: string })
  | (Failure<'auth-forbidden'> & Where & { readonly login: string; readonly message: string })
  | (Failure<'unreachable'> & Where & { readonly reason: UnreachableReason; readonly message: string })
  | (Failure<'tls-untrusted'> & Where & { readonly caFile: string | null; readonly message: string })
  | (Failure<'not-keystone'> & { readonly url: string; readonly message: string })
  | (Failure<'no-endpoint'> & {
      readonly service: string;
      readonly region: string | null;
      readonly endpointInterface: string;
      /** What the catalogue has instead, such as `regionOne/public`. */
      readonly available: readonly string[];
    })
  | (Failure<'http'> & Where & { readonly status: number; readonly message: string })
  | (Failure<'timeout'> & Where & { readonly afterMs: number })
  | (Failure<'connection-lost'> & Where & { readonly message: string })
  | (Failure<'bad-answer'> & Where & { readonly message: string })
  | (Failure<'config'> & { readonly problems: readonly string[] })
  | (Failure<'closed'> & { readonly service: string });

/** Makes a `config` error out of all problems found, each a sentence that names the parameter. */
export function configError(...problems: readonly string[]): CloudError {
  return { code: 'config', certainty: 'definite', effect: 'none', problems };
}

const MAX_MESSAGE_CHARS = 400;

/** Puts a text from outside on one line without control characters, at most 400 characters. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  const flat = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\s]+/g, ' ').trim();
  return flat.length <= MAX_MESSAGE_CHARS ? flat : `${flat.slice(0, MAX_MESSAGE_CHARS)}...`;
}

/** A URL as it may be shown: no user, password, query or fragment. Text that is no URL becomes `(no URL)`. */
export function showUrl(url: string): string {
  if (!URL.canParse(url)) return '(no URL)';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** One line for an operator: what happened, where, which setting decides it and what to do. Holds no secret. */
export function explain(error: CloudError): string {
  return oneLineOf(error).replace(/\s+/g, ' ').trim();
}

function oneLineOf(error: CloudError): string {
  switch (error.code) {
    case 'auth-refused':
      return (
        `Keystone at ${error.url} refused the login of ${error.login}${quote(error.message)}: check ` +
        'username, password, project_name, user_domain and project_domain'
      );
    case 'auth-forbidden':
      return (
        `${at(error)} is forbidden to ${error.login}${quote(error.message)}: ` +
        'give this user the admin role in this project (username, project_name)'
      );
    case 'unreachable':
      return `${error.service} at ${error.url} cannot be reached (${unreachableWords(error.reason)}${
        error.message === '' ? '' : `, ${error.message}`
      }): check ${addressSetting(error.service)}, DNS and the network between here and there`;
    case 'tls-untrusted':
      if (isMatterOfTime(error.message)) {
        return `the certificate of ${error.service} at ${error.url} is not valid at this time${quote(error.message)}: check the clock of this machine (chronyc tracking), then the dates of the certificate`;
      }
      return (
        `the certificate of ${error.service} at ${error.url} is not trusted${quote(error.message)}: ` +
        `${error.caFile === null ? 'set ca_file to the CA that signed it' : `check ca_file (${error.caFile})`}` +
        ', or set insecure=true to skip the check'
      );
    case 'not-keystone':
      return `${error.url} answers, but not as Keystone v3${quote(error.message)}: check auth_url (it usually ends in :5000/v3)`;
    case 'no-endpoint':
      return (
        `the catalogue has no ${error.service} endpoint in region ${error.region ?? '(any)'} with interface ` +
        `${error.endpointInterface}: check region_name and endpoint_type; there ${
          error.available.length === 0 ? 'are none at all' : `is ${error.available.join(', ')}`
        }`
      );
    case 'http':
      return `${at(error)} answered ${error.status}${quote(error.message)}${httpAdvice(error.status)}`;
    case 'timeout':
      return `${at(error)} gave no answer within ${error.afterMs} ms${doubt(error.effect)}: check the load and health of ${error.service}`;
    case 'connection-lost':
      return `${at(error)} lost its connection${quote(error.message)}${doubt(error.effect)}: check ${error.service} and any proxy before it`;
    case 'bad-answer':
      return `${at(error)} gave an answer that makes no sense${quote(error.message)}${doubt(error.effect)}: check that ${addressSetting(error.service)} leads to ${error.service}`;
    case 'config':
      return `configuration: ${error.problems.join('; ')}`;
    case 'closed':
      return `the session was closed before the request to ${error.service} was sent`;
    default:
      return error satisfies never;
  }
}

function at(where: Where): string {
  return `${where.service}: ${where.method} ${where.url}`;
}

function quote(message: string): string {
  return message === '' ? '' : ` ("${message}")`;
}

function doubt(effect: Effect): string {
  return effect === 'unknown' ? ' (it may have been carried out all the same)' : '';
}

function addressSetting(service: string): string {
  return service === 'identity'
    ? 'auth_url'
    : `the ${service} endpoint in the catalogue (region_name, endpoint_type)`;
}

function unreachableWords(reason: UnreachableReason): string {
  switch (reason) {
    case 'dns':
      return 'its name does not resolve';
    case 'refused':
      return 'connection refused';
    case 'no-route':
      return 'no route to it';
    case 'connect-timeout':
      return 'no connection in time';
    case 'not-tls':
      return 'it does not speak TLS: http instead of https?';
    case 'other':
      return 'connection failed';
    default:
      return reason satisfies never;
  }
}

function httpAdvice(status: number): string {
  if (status === 401) return ': the service refuses a fresh token; check its own Keystone settings';
  if (status === 406) return ': it does not support the microversion asked for';
  if (status >= 500) return ': see the log of that service';
  return '';
}
