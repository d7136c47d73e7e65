import * as v from 'valibot';
import { failureOf, parseJson, schemaIssues, serverMessage } from './answers.ts';
import type { CloudCredentials } from './credentials.ts';
import { type CloudError, showUrl, type Where } from './errors.ts';
import { type Catalogue, describeLogin, TokenBodySchema, tokenRequest } from './keystone.ts';
import { failure, type Result, success } from './result.ts';
import { Secret } from './secret.ts';
import type { HttpAnswer, Transport } from './transport.ts';

/** Whom the token speaks for. */
export interface Identity {
  readonly user: string;
  readonly project: string | null;
  readonly roles: readonly string[];
}

/** A token of Keystone's, with what its answer said. */
export interface Token extends Identity {
  readonly id: Secret;
  readonly catalogue: Catalogue;
  /** From then on a new one is asked for, epoch ms. */
  readonly renewAtMs: number;
}

export interface TokenOptions {
  /** How long a login may take, ms. */
  readonly authTimeoutMs: number;
  /** A token is renewed this long before it ends, or after 80 % of its life, whichever is later. */
  readonly renewMarginMs: number;
  /** A refused login is remembered so long, ms. */
  readonly refusalHoldMs: number;
  /** Epoch ms. */
  readonly now: () => number;
  readonly open: () => Promise<Result<Transport>>;
  /** Called before each login that is sent. */
  readonly onLogin: () => void;
}

/** The tokens of one login: many ask, one login is under way, and all take what it brings. */
export interface Tokens {
  /** Where the login goes. */
  readonly where: Where;
  /** A valid token: the one at hand, or a new one. */
  current(): Promise<Result<Token>>;
  /** After a 401: whoever comes second takes the token that the first has renewed meanwhile. */
  replace(refused: Token): Promise<Result<Token>>;
  /** The one at hand, valid or not; null: none. */
  held(): Token | null;
  forget(): void;
}

const RENEW_MARGIN_SHARE = 0.2;

/** Nothing is sent before somebody asks. */
export function createTokens(credentials: CloudCredentials, options: TokenOptions): Tokens {
  const where: Where = {
    service: 'identity',
    method: 'POST',
    url: showUrl(`${credentials.authUrl}/auth/tokens`),
  };
  let token: Token | null = null;
  let renewal: Promise<Result<Token>> | null = null;
  let refusal: { readonly error: CloudError; readonly untilMs: number } | null = null;

  function renew(): Promise<Result<Token>> {
    if (refusal !== null && options.now() < refusal.untilMs) return Promise.resolve(failure(refusal.error));
    renewal ??= issueToken(credentials, where, options)
      .then((issued) => {
        token = issued.ok ? issued.value : token;
        const refused = !issued.ok && issued.error.code.startsWith('auth-');
        refusal = refused ? { error: issued.error, untilMs: options.now() + options.refusalHoldMs } : null;
        return issued;
      })
      .finally(() => {
        renewal = null;
      });
    return renewal;
  }

  function current(): Promise<Result<Token>> {
    return token !== null && options.now() < token.renewAtMs ? Promise.resolve(success(token)) : renew();
  }

  return {
    where,
    current,
    replace(refused) {
      if (token !== null && token !== refused) return current();
      token = null;
      return renew();
    },
    held: () => token,
    forget() {
      token = null;
    },
  };
}

async function issueToken(
  credentials: CloudCredentials,
  where: Where,
  options: TokenOptions,
): Promise<Result<Token>> {
  const { authTimeoutMs: timeoutMs, now, open, onLogin } = options;
  const opened = await open();
  if (!opened.ok) return opened;
  onLogin();
  const askedAtMs = now();
  const answer = await opened.value.send({
    method: 'POST',
    url: `${credentials.authUrl}/auth/tokens`,
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(tokenRequest(credentials)),
    timeoutMs,
  });
  if (!answer.ok)
    return failure(failureOf(where, answer.error, { timeoutMs, caFile: credentials.caFile ?? null }));
  return readToken(credentials, where, answer.value, { askedAtMs, renewMarginMs: options.renewMarginMs });
}

function readToken(
  credentials: CloudCredentials,
  where: Where,
  answer: HttpAnswer,
  { askedAtMs, renewMarginMs }: { readonly askedAtMs: number; readonly renewMarginMs: number },
): Result<Token> {
  const json = parseJson(answer.text);
  const said = serverMessage(json, [
    credentials.kind === 'password' ? credentials.password : credentials.secret,
  ]);
  if (answer.status !== 201) return failure(tokenRefusal(credentials, where, answer.status, said));
  const body = v.safeParse(TokenBodySchema, json);
  const id = answer.headers['x-subject-token'];
  if (!body.success || id === undefined || id === '') {
    const message = body.success ? 'no X-Subject-Token' : schemaIssues(body.issues);
    return failure({ code: 'bad-answer', certainty: 'passing', effect: 'none', ...where, message });
  }
  const { issued_at, expires_at, user, project, roles, catalog } = body.output.token;
  // The life of a token is taken from the server's two times, so that a clock that differs does no harm.
  const lifeMs = expires_at - issued_at;
  const marginMs = Math.min(renewMarginMs, lifeMs * RENEW_MARGIN_SHARE);
  return success({
    id: new Secret(id),
    catalogue: catalog,
    renewAtMs: askedAtMs + lifeMs - marginMs,
    user: user.name,
    project: project?.name ?? null,
    roles: roles.map((role) => role.name),
  });
}

function tokenRefusal(
  credentials: CloudCredentials,
  where: Where,
  status: number,
  message: string | null,
): CloudError {
  const { url } = where;
  const login = describeLogin(credentials);
  const text = message ?? `HTTP ${status}`;
  // Keystone puts every error into {"error": ...}; an answer without it comes from something else.
  if (message !== null && (status === 401 || status === 400)) {
    return { code: 'auth-refused', certainty: 'definite', effect: 'none', url, login, message: text };
  }
  if (message !== null && status === 403) {
    return {
      code: 'auth-forbidden',
      certainty: 'definite',
      effect: 'none',
      ...where,
      login,
      message: text,
    };
  }
  if (status >= 500 || status === 429) {
    return {
      code: 'http',
      certainty: 'passing',
      effect: 'none',
      ...where,
      status,
      message: message ?? '',
    };
  }
  // An error page may be that of a proxy whose Keystone is away, or of a web server that has not got it yet.
  const certainty = message === null && status >= 400 ? 'passing' : 'definite';
  return { code: 'not-keystone', certainty, effect: 'none', url, message: text };
}
