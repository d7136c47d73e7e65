import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OCF, type OcfAgent, type OcfContext, ocfMetadata, runOcfAgent } from './ocf-agent.ts';

const DTD = '/usr/share/resource-agents/ra-api-1.dtd';

function agentWith(
  run: (context: OcfContext) => { code: 0 | 7; reason?: string } | Promise<never>,
): OcfAgent {
  return {
    name: 'Try',
    version: '1.2',
    shortdesc: 'A <try>',
    longdesc: 'Long & wide',
    parameters: [
      { name: 'auth_url', aliases: ['url'], type: 'string', required: true, shortdesc: 'where Keystone is' },
      {
        name: 'password',
        type: 'string',
        secret: true,
        shortdesc: 'the password',
        check: (value) => (value.length < 3 ? 'is too short' : null),
      },
      { name: 'delay', type: 'seconds', default: '120', min: 1, max: 600, shortdesc: 'how long' },
      { name: 'count', type: 'integer', default: '3', shortdesc: 'how many' },
      { name: 'insecure', type: 'boolean', default: 'false', shortdesc: 'no TLS check' },
    ],
    actions: {
      start: { timeout: 60, run },
      stop: { timeout: 20, run },
      monitor: { timeout: 20, interval: 10, run },
    },
  };
}

async function call(
  agent: OcfAgent,
  argv: string[],
  env: Record<string, string> = {},
  signal = new AbortController().signal,
) {
  let out = '';
  let err = '';
  const code = await runOcfAgent(agent, {
    argv,
    env,
    signal,
    out: (text) => (out += text),
    err: (text) => (err += text),
  });
  return { code, out, err };
}

const OK = agentWith(() => ({ code: OCF.SUCCESS }));
const URL = { OCF_RESKEY_auth_url: 'http://k' };

describe('runOcfAgent', () => {
  it('listens to its signal no longer than an action lasts', async () => {
    const { signal } = new AbortController();
    let during = 0;
    const looking = agentWith(() => {
      during = getEventListeners(signal, 'abort').length;
      return { code: OCF.SUCCESS };
    });
    for (const _ of Array(3)) expect((await call(looking, ['start'], URL, signal)).code).toBe(OCF.SUCCESS);
    expect(during).toBeLessThan(2);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('gives parameters in their types', async () => {
    let seen: unknown[] = [];
    const agent = agentWith((c) => {
      seen = [
        c.text('auth_url'),
        c.text('password'),
        c.milliseconds('delay'),
        c.integer('count'),
        c.boolean('insecure'),
        c.isProbe,
        c.timeoutMs,
        c.node,
        c.instance,
        c.given(),
      ];
      return { code: 0 };
    });
    const env = {
      OCF_RESKEY_url: 'http://k',
      OCF_RESKEY_delay: '2min',
      OCF_RESKEY_insecure: 'YES',
      OCF_RESKEY_CRM_meta_timeout: '20000',
      OCF_RESKEY_CRM_meta_on_node: 'c1',
      OCF_RESOURCE_INSTANCE: 'nova',
    };
    expect((await call(agent, ['monitor'], env)).code).toBe(0);
    expect(seen).toEqual([
      'http://k',
      null,
      120_000,
      3,
      true,
      true,
      20_000,
      'c1',
      'nova',
      ['auth_url', 'delay', 'insecure'],
    ]);
  });

  it('names missing and invalid parameters in one line and shows no secret', async () => {
    const env = {
      OCF_RESKEY_password: 'pw',
      OCF_RESKEY_delay: '0',
      OCF_RESKEY_count: 'many',
      OCF_RESKEY_insecure: 'perhaps',
    };
    const { code, err } = await call(OK, ['start'], env);
    expect(code).toBe(OCF.ERR_CONFIGURED);
    expect(err).toBe(
      'ocf-exit-reason:parameter auth_url is missing: where Keystone is; parameter password is too short; ' +
        'parameter delay must be at least 1 s (it is 0); parameter count must be a whole number (it is many); ' +
        'parameter insecure must be true or false (it is perhaps)\n',
    );
    expect((await call(OK, ['validate-all'])).code).toBe(OCF.ERR_CONFIGURED);
  });

  it('stops all the same, with defaults', async () => {
    expect((await call(OK, ['stop'], { OCF_RESKEY_delay: 'x' })).code).toBe(OCF.SUCCESS);
    expect((await call(OK, ['monitor'], { OCF_RESKEY_delay: 'x' })).code).toBe(OCF.SUCCESS);
  });

  it('answers meta-data, usage and what it does not know', async () => {
    expect((await call(OK, ['meta-data'])).out).toContain('<resource-agent name="Try" version="1.2">');
    expect((await call(OK, ['usage'])).out).toContain('OCF_RESKEY_auth_url');
    const unknown = await call(OK, ['promote']);
    expect(unknown.code).toBe(OCF.ERR_UNIMPLEMENTED);
    expect(unknown.err).toContain('usage: Try {');
    expect((await call(OK, ['constructor'])).code).toBe(OCF.ERR_UNIMPLEMENTED);
    expect((await call(OK, [])).code).toBe(OCF.ERR_ARGS);
    expect((await call(OK, ['validate-all'], URL)).code).toBe(OCF.SUCCESS);
  });

  it('makes one line of a bug, without stack and secret', async () => {
    const agent = agentWith(() => {
      throw new Error('cannot log in with hunter2\n   at line 7');
    });
    const { code, err } = await call(agent, ['start'], { ...URL, OCF_RESKEY_password: 'hunter2' });
    expect(code).toBe(OCF.ERR_GENERIC);
    expect(err).toBe(
      'ocf-exit-reason:internal error in Try start: Error: cannot log in with *** at line 7\n',
    );
  });

  it('takes a question for a parameter that is not there as a bug', async () => {
    const agent = agentWith((context) => ({ code: 0, reason: context.text('nonsense') ?? '' }));
    expect((await call(agent, ['start'], URL)).err).toContain('Try has no string parameter nonsense');
  });

  it('ends at SIGTERM although the action hangs', async () => {
    const controller = new AbortController();
    const agent = agentWith(() => new Promise<never>(() => {}));
    setTimeout(() => controller.abort(), 20);
    const { code, err } = await call(agent, ['start'], URL, controller.signal);
    expect(code).toBe(OCF.ERR_GENERIC);
    expect(err).toContain('SIGTERM');
  });
});

describe('meta-data', () => {
  it.skipIf(!existsSync(DTD))('is valid by the DTD of resource-agents', () => {
    execFileSync('xmllint', ['--noout', '--dtdvalid', DTD, '-'], { input: ocfMetadata(OK), stdio: 'pipe' });
  });
});
