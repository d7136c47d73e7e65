import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readInput } from '../configure/input.ts';
import { nodeName } from '../core/names.ts';
import { credentialsFromParameters } from '../openstack/credentials.ts';
import { explain } from '../openstack/errors.ts';
import { createGlance } from '../openstack/glance.ts';
import { createNeutron } from '../openstack/neutron.ts';
import { createNova } from '../openstack/nova.ts';
import { createPlacement } from '../openstack/placement.ts';
import { createSession } from '../openstack/session.ts';
import { type FakeCloud, startFakeCloud, testCredentials } from '../openstack/testing.ts';
import { parseAlerts } from '../pacemaker/alerts.ts';
import { parseTransient, readPermanent } from '../pacemaker/attributes.ts';
import { parseCib } from '../pacemaker/cib.ts';
import { parseTree } from '../pacemaker/cib-tree.ts';
import { exits } from '../pacemaker/fake-tools.ts';
import {
  type FenceRequest,
  fenceProblems,
  parseFenceArguments,
  parseFenceStdin,
} from '../pacemaker/fence-agent.ts';
import { fenceOptions } from '../pacemaker/fence-options.ts';
import { parseHistory } from '../pacemaker/fencing.ts';
import { CIB, CRM_MON, HISTORY, pacemakerResult } from '../pacemaker/fixtures.ts';
import { runOcfAgent } from '../pacemaker/ocf-agent.ts';
import { parseStatus } from '../pacemaker/status.ts';
import { readPolicy } from '../policy/read.ts';
import { FENCE_AGENTS, OCF_AGENTS } from './all-agents.ts';
import { processStart, readHealth, statusPath, uptimeS, writeStatus } from './evacuator/life.ts';

/**
 * Whatever comes from outside is garbage once: no parser may throw, hang, or show a secret. The inputs are true
 * ones with pieces cut out, doubled, exchanged or put in, which gets deeper than noise does.
 */
const SECRET = 'correct horse';
/** A parser that takes more of the CPU than this for a few kilobytes hangs. */
const PARSE_LIMIT_MS = 500;

const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '<',
    '>',
    '"',
    '&',
    '&amp;',
    '\0',
    '\n',
    '=',
    '/>',
    '<!--',
    ']]>',
    '<![CDATA[',
    '\u2028',
    '-1',
    '1e999',
    'null',
    '{',
    '[',
    '__proto__',
  ),
);
/** A text that was damaged some times. */
const damaged = (text: string): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(fc.nat(text.length), fc.nat(40), piece), { minLength: 1, maxLength: 6 })
    .map((cuts) =>
      cuts.reduce((now, [at, length, put]) => now.slice(0, at) + put + now.slice(at + length), text),
    );

function inTime<T>(work: () => T): T {
  const begun = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(begun);
  expect((user + system) / 1_000).toBeLessThan(PARSE_LIMIT_MS);
  return result;
}

/** `FUZZ=40 npx vitest run src/agents/fuzz.test.ts` tries forty times as much. */
const FACTOR = Math.max(1, Number(process.env.FUZZ ?? 1) || 1);
const times = (numRuns: number): { readonly numRuns: number } => ({ numRuns: numRuns * FACTOR });
const runs = times(500);
vi.setConfig({ testTimeout: 60_000 * FACTOR });

describe("Pacemaker's answers", () => {
  it.each([
    ['a CIB', CIB, (text: string) => parseCib(text)],
    ['a fencing history', HISTORY, (text: string) => parseHistory(text)],
    [
      'alerts',
      '<alerts><alert id="a" path="/x"><recipient id="r" value="v"/></alert></alerts>',
      (text: string) => parseAlerts(text),
    ],
    ['a CIB that is to be changed', CIB, (text: string) => parseTree('cibadmin', text)],
    ["crm_mon's view", CRM_MON, (text: string) => parseStatus(text)],
    [
      'attributes',
      pacemakerResult('<attribute name="evacuate" value="yes" host="compute-1"/>'),
      (text: string) => parseTransient('evacuate', text),
    ],
  ])('%s', (_, text, parse) => {
    expect(parse(text)).toMatchObject({ ok: true });
    fc.assert(
      fc.property(damaged(text), (broken) => void expect(inTime(() => parse(broken))).toHaveProperty('ok')),
      runs,
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (noise) => void expect(parse(noise)).toHaveProperty('ok')),
      runs,
    );
  });

  it('a permanent attribute', async () => {
    const text = pacemakerResult('<attribute name="instance-ha-incident" value="v=1"/>');
    const node = nodeName('compute-1');
    await fc.assert(
      fc.asyncProperty(damaged(text), async (broken) => {
        const read = await readPermanent(node, 'instance-ha-incident', { run: async () => exits(0, broken) });
        expect(read).toHaveProperty('ok');
      }),
      runs,
    );
  });

  it('what crm_mon says is whole, or is no answer', () => {
    fc.assert(
      fc.property(damaged(CRM_MON), (broken) => {
        const status = parseStatus(broken);
        if (!status.ok) return;
        for (const { name } of status.value.nodes) expect(name).not.toBe('');
        for (const { code } of status.value.failures) expect(Number.isInteger(code)).toBe(true);
      }),
      runs,
    );
  });

  it('XML that nests deep or expands', () => {
    const deep = '<a>'.repeat(20_000) + '</a>'.repeat(20_000);
    for (const text of [deep, `<cib><configuration>${deep}</configuration></cib>`]) {
      expect(parseCib(text)).toHaveProperty('ok');
      expect(parseTree('cibadmin', text)).toMatchObject({ ok: false });
      expect(parseStatus(text)).toMatchObject({ ok: false });
    }
    const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><cib>&b;</cib>`;
    expect(inTime(() => parseCib(bomb))).toMatchObject({ ok: false });
  });
});

describe('what a fence agent is asked', () => {
  const shown = (request: FenceRequest): string =>
    [...request.warnings, ...fenceOptions(request, false).warnings, request.action].join('\n');

  it('on standard input', () => {
    const text = `action=off\nnodename=compute-1\nplug=compute-1\npassword=${SECRET}\nverbose_level=2\npower_timeout=20\nuser-domain=Default\n`;
    for (const agent of FENCE_AGENTS) {
      fc.assert(
        fc.property(damaged(text), (broken) => {
          const request = inTime(() => parseFenceStdin(agent, broken));
          const said = [shown(request), ...fenceProblems(agent, request)].join('\n');
          // A password whose key was cut is an unknown line: it is counted, never shown.
          if (request.values.get('password') === SECRET) expect(said).not.toContain(SECRET);
          for (const line of broken.split('\n')) {
            if (line.includes(SECRET) && !line.includes('=')) expect(said).not.toContain(line.trim());
          }
        }),
        runs,
      );
    }
  });

  it('on the command line', () => {
    const words = ['-o', 'off', '-n', 'compute-1', '--password', SECRET, '-vv', '--delay=3', '--', '-'];
    for (const agent of FENCE_AGENTS) {
      fc.assert(
        fc.property(fc.shuffledSubarray(words), fc.array(piece), (some, more) => {
          const parsed = inTime(() => parseFenceArguments(agent, [...some, ...more]));
          const said = parsed.ok ? parsed.value.warnings.join('\n') : parsed.problem;
          expect(said).not.toContain(SECRET);
        }),
        runs,
      );
    }
  });
});

describe("a resource agent's environment", () => {
  it.each(OCF_AGENTS.map((agent) => [agent.name, agent] as const))('of %s', async (_, agent) => {
    const names = agent.parameters.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    const secrets = agent.parameters.filter(({ secret }) => secret).map(({ name }) => name);
    const environment = fc.dictionary(
      fc.constantFrom(...names, 'CRM_meta_timeout', 'CRM_meta_interval', 'CRM_meta_on_node', '__proto__'),
      fc.oneof(piece, fc.string(), fc.constantFrom('1', 'yes', '-5', '99999999999', '1min', '')),
    );
    await fc.assert(
      fc.asyncProperty(
        environment,
        fc.constantFrom('validate-all', 'meta-data', 'usage', 'notify', 'explode', ''),
        async (parameters, action) => {
          const env: Record<string, string> = { OCF_RESOURCE_INSTANCE: 'x' };
          for (const [name, value] of Object.entries(parameters)) env[`OCF_RESKEY_${name}`] = value;
          for (const name of secrets) env[`OCF_RESKEY_${name}`] = SECRET;
          let said = '';
          // The actions themselves are not run: all-agents.ts gives them ports that throw, which ends in one line too.
          const code = await runOcfAgent(agent, {
            argv: [action],
            env,
            out: () => {},
            err: (text) => {
              said += text;
            },
            signal: new AbortController().signal,
          });
          expect(code).toBeGreaterThanOrEqual(0);
          expect(code).toBeLessThanOrEqual(7);
          expect(said).not.toContain(SECRET);
          expect(said).not.toMatch(/\n\s+at /);
        },
      ),
      times(200),
    );
  });
});

it('an rc file, a clouds.yaml and their parameters', async () => {
  const rc = `export OS_AUTH_URL=http://k:5000\nexport OS_PASSWORD='${SECRET}'\nexport OS_USERNAME=a\nOS_PROJECT_NAME="b"\n`;
  const clouds = `clouds:\n  x:\n    auth: { auth_url: "http://k", username: a, password: "${SECRET}", project_name: p }\n    verify: false\n`;
  for (const [text, parameters] of [
    [rc, { rc_file: '/f' }],
    [clouds, { os_cloud: 'x', clouds_file: '/f' }],
  ] as const) {
    await fc.assert(
      fc.asyncProperty(damaged(text), async (broken) => {
        const readFile = async (path: string) => {
          if (path !== '/f') throw new Error('no such file');
          return { text: broken, mode: 0o600, uid: 0 };
        };
        const result = await credentialsFromParameters(parameters, readFile);
        const said = result.ok ? inspect(result, { depth: 9 }) : explain(result.error);
        // A cut quote or key can turn the password into another field's value; whole and as itself it is never shown.
        if (broken.includes(`PASSWORD='${SECRET}'`) || broken.includes(`password: "${SECRET}"`)) {
          const isElsewhere = broken.split(SECRET).length > 2;
          if (!isElsewhere && !result.ok) expect(said).not.toContain(SECRET);
        }
      }),
      runs,
    );
  }
});

it("the sign of life and the status that the evacuator's process leaves", async () => {
  const directory = mkdtempSync(join(tmpdir(), 'instance-ha-life-'));
  try {
    await writeStatus(statusPath(directory), {
      pid: process.pid,
      start: (await processStart(process.pid)) ?? '',
      tickUptimeS: await uptimeS(),
      at: 'now',
    });
    const files = readdirSync(directory).map((name) => join(directory, name));
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      await fc.assert(
        fc.asyncProperty(fc.oneof(damaged(text), fc.string({ unit: 'binary' })), async (broken) => {
          writeFileSync(file, broken);
          expect(await readHealth(directory)).toHaveProperty('state');
        }),
        runs,
      );
      writeFileSync(file, text);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

describe('what an operator writes', () => {
  it('a policy', () => {
    const text = readFileSync('docs/policy.example.yaml', 'utf8');
    expect(readPolicy(text)).toMatchObject({ ok: true });
    fc.assert(
      fc.property(damaged(text), (broken) => {
        const read = inTime(() => readPolicy(broken));
        if (!read.ok) expect(read.error.length).toBeGreaterThan(0);
      }),
      times(150),
    );
  });

  it('the input of configure, and an instackenv.json', async () => {
    const input = `shape: minimal
cloud: { rc_file: /root/overcloudrc }
instackenv: /i
fencing: { agent: fence_ipmilan, parameters: { username: admin }, password: ${SECRET} }
controllers: [overcloud-controller-0]
computes: [overcloud-compute-0, { name: overcloud-compute-1, remote: existing }]
timing: { monitor_interval: 10 }
`;
    const instackenv = JSON.stringify({
      nodes: ['overcloud-compute-0', 'overcloud-compute-1'].map((name) => ({
        name,
        pm_type: 'ipmi',
        pm_addr: '10.0.0.1',
        pm_user: 'admin',
        pm_password: SECRET,
      })),
    });
    const read = (text: string, nodes: string) => readInput(text, async () => nodes);
    expect(await read(input, instackenv)).toMatchObject({ ok: true });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          damaged(input).map((text) => [text, instackenv] as const),
          damaged(instackenv).map((text) => [input, text] as const),
        ),
        async ([text, nodes]) => {
          const result = await read(text, nodes);
          if (result.ok) return;
          expect(result.error.length).toBeGreaterThan(0);
          // A cut key makes a password the value of another; whole and under its own key it is never shown.
          const isItself = text.includes(`, password: ${SECRET} }`) && text.split(SECRET).length === 2;
          if (isItself) expect(result.error.join('\n')).not.toContain(SECRET);
        },
      ),
      runs,
    );
  });
});

describe("OpenStack's answers", () => {
  let cloud: FakeCloud;
  /** What the next answers are; null: the true ones. */
  let answer: { readonly token?: unknown; readonly body?: unknown; readonly status?: number } = {};

  beforeAll(async () => {
    cloud = await startFakeCloud({
      handle: (request) => {
        if (request.path === '/v3/auth/tokens' && answer.token !== undefined) {
          return {
            status: answer.status ?? 201,
            headers: { 'X-Subject-Token': 'tok3n' },
            body: answer.token,
          };
        }
        if (
          /^\/(compute|image|network|placement)\b/.test(request.path) &&
          request.path !== '/compute/v2.1/' &&
          answer.body !== undefined
        ) {
          return { status: answer.status ?? 200, body: answer.body };
        }
        return null;
      },
    });
  });
  afterAll(() => cloud.close());

  const SERVER = {
    id: '3f7c3a4e-0000-4000-8000-000000000001',
    name: 'vm',
    'OS-EXT-SRV-ATTR:host': 'compute-1',
    'OS-EXT-STS:vm_state': 'active',
    'OS-EXT-STS:task_state': null,
    status: 'ACTIVE',
  };
  const SERVICE = {
    id: 'x',
    binary: 'nova-compute',
    host: 'compute-1',
    state: 'up',
    status: 'enabled',
    forced_down: false,
    disabled_reason: null,
    updated_at: '2026-11-25T00:00:00.000000',
    zone: 'nova',
  };

  /** JSON with some of its leaves replaced by anything. */
  const damagedJson = (value: unknown): fc.Arbitrary<unknown> => damaged(JSON.stringify(value)).map(orText);
  const orText = (text: string): unknown => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  };
  const anything = fc.oneof(
    fc.jsonValue(),
    damagedJson({ servers: [SERVER], servers_links: [{ rel: 'next', href: 'http://127.0.0.1/x?marker=1' }] }),
    damagedJson({ services: [SERVICE] }),
    damagedJson({ error: { code: 401, message: `who is ${SECRET}?`, title: 'Unauthorized' } }),
    damagedJson({ badRequest: { code: 400, message: `you said ${SECRET}` } }),
    fc.string(),
  );
  const status = fc.constantFrom(200, 200, 200, 202, 204, 300, 400, 401, 403, 404, 409, 413, 429, 500, 503);

  it('of Nova', async () => {
    await fc.assert(
      fc.asyncProperty(anything, status, async (body, code) => {
        answer = { body, status: code };
        const session = createSession(testCredentials(cloud.url, { regionName: 'regionOne' }), {
          requestTimeoutMs: 2_000,
        });
        try {
          const nova = createNova(session);
          for (const result of [
            await nova.listComputeServices(),
            await nova.listServers({ host: 'compute-1' }),
            await nova.listEvacuations({ sourceHost: 'compute-1' }),
            await nova.listAggregates(),
            await nova.listServerGroups(),
            await nova.listFlavors(),
          ]) {
            if (!result.ok) expect(explain(result.error)).not.toContain(SECRET);
          }
        } finally {
          await session.close();
          answer = {};
        }
      }),
      times(120),
    );
  });

  it('of Glance, Neutron and Placement', async () => {
    const id = '3f7c3a4e-0000-4000-8000-000000000001';
    const bodies = fc.oneof(
      anything,
      damagedJson({ images: [{ id, name: 'i', tags: ['evacuable'], hw: 'x' }], next: '/v2/images?marker=1' }),
      damagedJson({
        ports: [{ id, device_id: id, status: 'ACTIVE', fixed_ips: [{ ip_address: '10.0.0.1' }] }],
      }),
      damagedJson({ resource_providers: [{ uuid: id, name: 'compute-1' }] }),
      damagedJson({ allocations: { [id]: { resources: { MEMORY_MB: 512 } } } }),
    );
    await fc.assert(
      fc.asyncProperty(bodies, status, async (body, code) => {
        answer = { body, status: code };
        const session = createSession(testCredentials(cloud.url, { regionName: 'regionOne' }), {
          requestTimeoutMs: 2_000,
        });
        try {
          for (const result of [
            await createGlance(session, { maxPages: 3 }).listImages(() => true),
            await createNeutron(session).listPorts([id]),
            await createPlacement(session).providerTraits('compute-1'),
            await createPlacement(session).providersOfConsumer(id),
          ]) {
            if (!result.ok) expect(explain(result.error)).not.toContain(SECRET);
          }
        } finally {
          await session.close();
          answer = {};
        }
      }),
      times(120),
    );
  });

  it('of Keystone', async () => {
    const token = {
      token: {
        issued_at: '2026-11-25T00:00:00.000000Z',
        expires_at: '2026-11-25T01:00:00.000000Z',
        user: { id: 'u', name: 'admin' },
        catalog: [{ type: 'compute', endpoints: [{ interface: 'internal', url: 'http://k', region: 'r' }] }],
      },
    };
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(damagedJson(token), anything),
        fc.constantFrom(201, 201, 200, 300, 400, 401, 403, 404, 500, 503),
        async (body, code) => {
          answer = { token: body, status: code };
          const session = createSession(testCredentials(cloud.url), { requestTimeoutMs: 2_000 });
          try {
            const identity = await session.identity();
            if (!identity.ok) expect(explain(identity.error)).not.toContain(SECRET);
            const endpoint = await session.endpoint('compute');
            if (!endpoint.ok) expect(explain(endpoint.error)).not.toContain(SECRET);
          } finally {
            await session.close();
            answer = {};
          }
        },
      ),
      times(200),
    );
  });
});
