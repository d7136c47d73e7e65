import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { HostVerdict } from '../core/decision.ts';
import { hostName, nodeName } from '../core/names.ts';
import { anObservation } from '../core/testing.ts';
import type { TickReport } from '../evacuator/ports.ts';
import { Secret } from '../openstack/secret.ts';
import { parseAlerts } from '../pacemaker/alerts.ts';
import { alertEnvironment, alertUser, createAlerts } from './alerts.ts';
import { createCommand, runProgram } from './command.ts';
import { type Message, messagesOfTick, type Told } from './message.ts';
import { createOutbox, type Delivery, OUTBOX_LIMITS, type Target } from './outbox.ts';
import { createWebhook, signature } from './webhook.ts';

const directory = mkdtempSync(join(tmpdir(), 'notify-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const message = (n = 1, kind: Message['kind'] = 'opened'): Message => ({
  version: 1,
  kind,
  incident: `incident${n}`,
  node: 'compute-1',
  host: 'compute-1',
  at: '2026-11-25T04:00:00.000Z',
  phase: 'evacuating',
  text: 'evacuating; 3 of 12 "moved"',
  instances: { moved: 3, moving: 9 },
});

describe('what is told', () => {
  const verdict = (incident: string | null, phase: HostVerdict['phase']): HostVerdict => ({
    node: nodeName('compute-1'),
    host: hostName('compute-1'),
    incident,
    phase,
    text: `it is ${phase}`,
    instances: [],
  });
  const tick = (...verdicts: HostVerdict[]): TickReport => ({
    at: 1000,
    mono: 0,
    gates: [],
    verdicts,
    pace: null,
    cloudTrouble: null,
    observation: anObservation(),
  });

  it('is the beginning, each change of phase, and nothing twice', () => {
    let told: Told = new Map();
    const kinds: string[] = [];
    for (const phase of [
      'blocked',
      'blocked',
      'evacuating',
      'evacuating',
      'releasing',
      'returning',
    ] as const) {
      const news = messagesOfTick(told, tick(verdict('a', phase), verdict(null, 'blocked')));
      told = news.told;
      kinds.push(...news.messages.map(({ kind, phase: at }) => `${kind} ${at}`));
    }
    expect(kinds).toEqual(['opened blocked', 'changed evacuating', 'changed releasing', 'changed returning']);
    expect(messagesOfTick(told, tick()).told.size).toBe(0);
  });
});

describe('the outbox', () => {
  function outbox(deliver: (message: Message, call: number) => Delivery | Promise<Delivery>) {
    const seen: Message[] = [];
    const said: string[] = [];
    const pauses: number[] = [];
    const target: Target = {
      name: 'target',
      deliver: async (one) => {
        seen.push(one);
        return deliver(one, seen.length);
      },
    };
    const box = createOutbox(
      target,
      (level, line) => void said.push(`${level} ${line}`),
      async (ms) => {
        pauses.push(ms);
        await new Promise((resolve) => setImmediate(resolve));
      },
    );
    return { box, seen, said, pauses };
  }

  it('delivers in order, and tries again what failed', async () => {
    const { box, seen, said, pauses } = outbox((_, call) =>
      call < 3 ? { state: 'failed', reason: 'away' } : { state: 'delivered' },
    );
    for (const n of [1, 2]) box.put(message(n));
    await expect.poll(() => seen.length).toBe(4);
    expect(seen.map(({ incident }) => incident)).toEqual([
      'incident1',
      'incident1',
      'incident1',
      'incident2',
    ]);
    expect(pauses).toEqual([1000, 2000]);
    expect(said).toEqual(['warn target: away; it is tried again']);
  });

  it('gives up in the end, at once when it is refused, and says so', async () => {
    const { box, seen, said } = outbox(({ incident }) =>
      incident === 'incident1'
        ? { state: 'failed', reason: 'away' }
        : { state: 'refused', reason: 'it answered 404' },
    );
    box.put(message(1));
    box.put(message(2));
    await expect.poll(() => said.filter((line) => line.startsWith('error')).length).toBe(2);
    expect(seen.length).toBe(OUTBOX_LIMITS.maxTries + 1);
    expect(said.at(-1)).toBe(
      'error target: "opened" of incident incident2 was not delivered: it answered 404',
    );
  });

  it('holds nobody up and no more than its bound, whatever the target does', async () => {
    const { box, seen, said } = outbox(() => new Promise<Delivery>(() => {}));
    for (let n = 0; n < OUTBOX_LIMITS.maxWaiting + 50; n++) box.put(message(n));
    await expect.poll(() => seen.length).toBe(1);
    expect(said.length).toBe(50);
    expect(said[0]).toContain('"opened" of incident1 is dropped');
    const begun = performance.now();
    await box.drain(10);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('survives a target that throws, and says nothing of what it threw', async () => {
    const { box, said } = outbox(() => Promise.reject(new Error('s3cret')));
    box.put(message());
    await expect.poll(() => said.length).toBe(2);
    expect(said.join()).not.toContain('s3cret');
  });
});

describe('the webhook', () => {
  async function receiver(status: number) {
    const seen: { headers: Record<string, unknown>; body: string }[] = [];
    const server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push({ headers: request.headers, body });
      response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end('thanks');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/t0ken` };
  }

  it('posts JSON that the receiver can check', async () => {
    const { seen, url } = await receiver(204);
    const secret = new Secret('s3cret');
    const target = createWebhook(url, secret, () => 1_790_000_000_500);
    expect(await target.deliver(message())).toEqual({ state: 'delivered' });
    expect(target.name).not.toContain('t0ken');
    const [{ headers, body } = { headers: {}, body: '' }] = seen;
    expect(JSON.parse(body)).toEqual(message());
    expect(headers['x-instance-ha-timestamp']).toBe('1790000000');
    expect(headers['x-instance-ha-signature']).toBe(signature(secret, '1790000000', body));
    expect(headers['x-instance-ha-delivery']).toBe('incident1-opened-evacuating-1795579200000');
    // openssl dgst -sha256 -hmac key: printf '1.{}' | openssl dgst -sha256 -hmac key
    expect(signature(new Secret('key'), '1', '{}')).toMatch(/^sha256=[0-9a-f]{64}$/);
    expect(signature(new Secret('key'), '2', '{}')).not.toBe(signature(new Secret('key'), '1', '{}'));
  });

  it.each([
    [200, 'delivered'],
    [302, 'refused'],
    [404, 'refused'],
    [429, 'failed'],
    [503, 'failed'],
  ])('takes %i for %s', async (status, state) => {
    const { url } = await receiver(status);
    expect(await createWebhook(url, null, Date.now).deliver(message())).toMatchObject({ state });
  });

  it('has failed where nobody answers', async () => {
    expect(await createWebhook('http://127.0.0.1:9/', null, Date.now).deliver(message())).toMatchObject({
      state: 'failed',
    });
  });
});

describe('the command', () => {
  const program = (name: string, body: string): string => {
    const path = join(directory, name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };

  it('gets the message on its standard input, and nothing of our environment', async () => {
    process.env.OS_PASSWORD = 's3cret';
    const path = program('good', `cat > ${directory}/in; env > ${directory}/env`);
    expect(await createCommand(path).deliver(message())).toEqual({ state: 'delivered' });
    delete process.env.OS_PASSWORD;
    expect(JSON.parse(readFileSync(join(directory, 'in'), 'utf8'))).toEqual(message());
    const environment = readFileSync(join(directory, 'env'), 'utf8');
    expect(environment).toContain('INSTANCE_HA_KIND=opened\n');
    expect(environment).not.toContain('s3cret');
  });

  it('has failed by its exit code, its absence and its time', async () => {
    expect(await createCommand(program('bad', 'exit 3')).deliver(message())).toEqual({
      state: 'failed',
      reason: 'exit status 3',
    });
    expect(await createCommand('/no/such').deliver(message())).toMatchObject({ reason: 'ENOENT' });
    const slow = { environment: {}, input: '', timeoutMs: 100 };
    expect(await runProgram(program('slow', 'exec sleep 5'), slow)).toMatchObject({
      reason: 'it did not end in time',
    });
  });
});

const ALERTS = `<alerts>
  <alert id="mail" path="/usr/share/pacemaker/alerts/alert_smtp.sh">
    <instance_attributes id="i"><nvpair id="n" name="email_sender" value="ha@example.org"/><nvpair id="m" name="no name" value="x"/></instance_attributes>
    <meta_attributes id="m"><nvpair id="t" name="timeout" value="15s"/></meta_attributes>
    <recipient id="r1" value="ops@example.org"/>
    <recipient id="r2" value="boss@example.org"><meta_attributes id="m2"><nvpair id="t2" name="timeout" value="500ms"/></meta_attributes></recipient>
  </alert>
  <alert id="fencing-only" path="/bin/true"><select><select_fencing/></select></alert>
  <alert id="attributes" path="/bin/true"><select><select_attributes/></select></alert>
  <alert id="relative" path="true"/>
</alerts>`;

describe("Pacemaker's alert agents", () => {
  it('are read with their recipients, options and selection', () => {
    const parsed = parseAlerts(ALERTS);
    expect(
      parsed.ok && parsed.value.map(({ id, recipient, timeoutMs }) => [id, recipient, timeoutMs]),
    ).toEqual([
      ['mail', 'ops@example.org', 15_000],
      ['mail', 'boss@example.org', 500],
      ['attributes', '', 30_000],
    ]);
    expect(parsed.ok && parsed.value[0]?.environment).toEqual({ email_sender: 'ha@example.org' });
    fc.assert(fc.property(fc.string(), (text) => void parseAlerts(text)));
  });

  it.skipIf(!existsSync('/usr/share/pacemaker/alerts/alert_file.sh.sample'))(
    'understand what they are told: the sample agent of Pacemaker writes it into its file',
    async () => {
      const agent = join(directory, 'alert_file.sh');
      writeFileSync(agent, readFileSync('/usr/share/pacemaker/alerts/alert_file.sh.sample'));
      chmodSync(agent, 0o755);
      const recipient = join(directory, 'alerts.log');
      writeFileSync(recipient, '');
      const xml = `<alerts><alert id="file" path="${agent}"><recipient id="r" value="${recipient}"/></alert></alerts>`;
      const target = createAlerts({ read: async () => parseAlerts(xml), user: undefined });
      expect(await target.deliver(message())).toEqual({ state: 'delivered' });
      expect(readFileSync(recipient, 'utf8')).toContain(
        `Attribute 'instance-ha' on node 'compute-1' was updated to 'opened incident1: evacuating; 3 of 12 "moved"'`,
      );
    },
  );

  it('run as the user that Pacemaker runs them as, or not at all', async () => {
    expect(
      alertUser('root:x:0:0::/:/bin/sh\nhacluster:x:115:123::/var/lib/pacemaker:/usr/sbin/nologin\n'),
    ).toEqual({
      uid: 115,
      gid: 123,
    });
    expect(alertUser('root:x:0:0\n')).toBeNull();
    const ran: unknown[] = [];
    const options = {
      read: async () => parseAlerts(ALERTS),
      run: async (path: string, { user }: { user?: unknown }): Promise<Delivery> => {
        ran.push([path, user]);
        return { state: 'delivered' };
      },
    };
    expect(await createAlerts({ ...options, user: null }).deliver(message())).toMatchObject({
      state: 'refused',
    });
    expect(ran).toEqual([]);
    await createAlerts({ ...options, user: { uid: 115, gid: 123 } }).deliver(message());
    expect(ran[2]).toEqual(['/bin/true', { uid: 115, gid: 123 }]);
  });

  it('get no variable that an alert’s options could put over ours', () => {
    const target = {
      id: 'x',
      path: '/x',
      recipient: 'r',
      timeoutMs: 1,
      environment: { CRM_alert_kind: 'node', A: 'b' },
    };
    expect(alertEnvironment(target, message(), 1)).toMatchObject({ CRM_alert_kind: 'attribute', A: 'b' });
  });
});
