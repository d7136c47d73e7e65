/** HTTP as both places speak it: nothing of our own client, so that its mistakes do not hide here. */

import { at, listAt } from '../like.ts';
import type { Answer, Ask, Login, Service } from '../place.ts';
import { DEFAULT_MICROVERSION } from '../place.ts';

const REQUEST_LIMIT_MS = 60_000;

export interface Account {
  readonly authUrl: string;
  readonly username: string;
  readonly password: string;
  readonly project: string;
}

export interface Http {
  login(login: Login): Promise<Answer>;
  keystone(method: string, path: string): Promise<Answer>;
  ask(service: Service, method: string, path: string, ask?: Ask): Promise<Answer>;
}

export function openHttp(account: Account): Http {
  let session: Promise<{ readonly token: string; readonly urls: ReadonlyMap<string, string> }> | null = null;

  function login({ username, password, project }: Login): Promise<Answer> {
    const domain = { name: 'Default' };
    const user = { name: username ?? account.username, password: password ?? account.password, domain };
    const auth = {
      identity: { methods: ['password'], password: { user } },
      scope: { project: { name: project ?? account.project, domain } },
    };
    return send('POST', `${account.authUrl}/auth/tokens`, {}, { auth });
  }

  async function begin(): Promise<{ readonly token: string; readonly urls: ReadonlyMap<string, string> }> {
    const answer = await login({});
    const urls = listAt(answer.body, 'token', 'catalog').map((service) => {
      const endpoint = listAt(service, 'endpoints').find((each) => each.interface === 'public');
      return [String(service.type), String(endpoint?.url).replace(/\/$/, '')] as const;
    });
    return { token: answer.headers['x-subject-token'] ?? '', urls: new Map(urls) };
  }

  return {
    login,
    keystone: (method, path) => send(method, `${account.authUrl}${path}`, {}),
    async ask(service, method, path, ask = {}) {
      session ??= begin();
      const { token, urls } = await session;
      const { body, microversion = DEFAULT_MICROVERSION[service] ?? null } = ask;
      const sent = ask.token === undefined ? token : ask.token;
      const headers = {
        ...(sent === null ? {} : { 'x-auth-token': sent }),
        ...(microversion === null ? {} : { 'openstack-api-version': `${service} ${microversion}` }),
      };
      return send(method, `${urls.get(service)}${path}`, headers, body);
    },
  };
}

async function send(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: parsed(await response.text()),
  };
}

function parsed(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The state that Nova says a server is in, for waiting. */
export async function serverState(http: Http, id: string): Promise<unknown> {
  const { body } = await http.ask('compute', 'GET', `/servers/${id}`);
  return {
    vm: at(body, 'server', 'OS-EXT-STS:vm_state') ?? null,
    task: at(body, 'server', 'OS-EXT-STS:task_state') ?? null,
    power: at(body, 'server', 'OS-EXT-STS:power_state') ?? null,
  };
}
