import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DURATION_NAMES } from '../metrics/state.ts';
import { METRICS } from '../metrics/text.ts';
import type { Message } from '../notify/message.ts';
import { type Lab, openLab } from './lab.ts';
import { labSpec } from './spec.ts';
import { playStory } from './story.ts';
import { buildDist } from './testing.ts';

const STORY_LIMIT_MS = 150_000;
const VICTIM = 'compute-1';
const SECRET = 'hook s3cret';

interface Posted {
  readonly delivery: string;
  readonly isSigned: boolean;
  readonly message: Message;
}

/**
 * What monitoring gets of one power loss, from the agents as they are delivered: the metrics over HTTP, a webhook whose
 * receiver hangs until the host is back, and a command.
 */
describe('the signals of an incident', () => {
  let directory: string;
  const posted: Posted[] = [];
  /** Messages that the receiver had seen, and answered none of, when the host was back. */
  let seenUnanswered: readonly Posted[] = [];
  let isHanging = true;
  let lab: Lab;
  /** On the host that dies. */
  let instances: number;
  let metricsUrl: string;

  const receiver = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const header = (name: string): string => String(request.headers[`x-instance-ha-${name}`]);
    const signed = createHmac('sha256', SECRET)
      .update(`${header('timestamp')}.${body}`)
      .digest('hex');
    posted.push({
      delivery: header('delivery'),
      isSigned: header('signature') === `sha256=${signed}`,
      message: JSON.parse(body),
    });
    if (!isHanging) response.writeHead(204).end();
  });

  beforeAll(async () => {
    directory = buildDist();
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const { port } = receiver.address() as AddressInfo;
    // A port that is free now; the evacuator gets it in place of the one that the lab chose.
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const listen = `127.0.0.1:${(probe.address() as AddressInfo).port}`;
    probe.close();
    metricsUrl = `http://${listen}/metrics`;
    writeFileSync(join(directory, 'key'), `${SECRET}\n`, { mode: 0o600 });
    writeFileSync(
      join(directory, 'command'),
      `#!/bin/sh\ncat >> ${directory}/told; echo >> ${directory}/told\n`,
      {
        mode: 0o755,
      },
    );
    const front = join(directory, 'layer/usr/lib/ocf/resource.d/openstack/NovaEvacuate');
    const parameters = {
      http_listen: listen,
      notify_webhook: `http://127.0.0.1:${port}/hook`,
      notify_webhook_secret_file: join(directory, 'key'),
      notify_command: join(directory, 'command'),
    };
    const exports = Object.entries(parameters).map(([name, value]) => `export OCF_RESKEY_${name}=${value}\n`);
    writeFileSync(front, readFileSync(front, 'utf8').replace('\n', `\n${exports.join('')}`));
    const spec = labSpec({ hosts: 3, instances: 6, spawnS: 1 }, Date.now());
    const opened = await openLab({ spec, port: 0, dist: directory, onFact: () => {} });
    if (!opened.ok) throw new Error(opened.error);
    lab = opened.value;
    instances = [...lab.world.nova.instances.values()].filter(({ host }) => host === VICTIM).length;
    expect(await playStory(lab, VICTIM, () => {})).toBe(true);
    seenUnanswered = [...posted];
    isHanging = false;
  }, STORY_LIMIT_MS);
  afterAll(async () => {
    await lab?.close();
    receiver.closeAllConnections();
    receiver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const kindsOf = (messages: readonly Message[]): string[] =>
    messages.map(({ kind, phase }) => `${kind} ${phase}`);

  it('are told to the webhook in order, signed, however long its receiver hung', async () => {
    await expect.poll(() => posted.at(-1)?.message.kind, { timeout: 60_000 }).toBe('closed');
    // The first one alone, again and again: nothing waits for it but what is to be told after it.
    expect(new Set(seenUnanswered.map(({ message }) => message.kind))).toEqual(new Set(['opened']));
    expect(posted.every(({ isSigned }) => isSigned)).toBe(true);
    // What is sent again bears the same id.
    const once = posted.filter(
      ({ delivery }, index) => posted.findLastIndex((one) => one.delivery === delivery) === index,
    );
    expect(once.length).toBeLessThan(posted.length);
    const messages = once.map(({ message }) => message);
    expect(new Set(messages.map(({ incident }) => incident)).size).toBe(1);
    const kinds = kindsOf(messages);
    expect(kinds[0]).toMatch(/^opened /);
    expect(kinds.filter((kind) => kind.startsWith('opened'))).toHaveLength(1);
    expect(kinds.indexOf('changed returning')).toBeGreaterThan(0);
    expect(kinds.at(-1)).toBe('closed closed');
    const [released, closed] = messages.filter(({ report }) => report !== undefined);
    expect(released).toMatchObject({
      kind: 'released',
      instances: { moved: instances },
      report: { state: 'released' },
    });
    expect(closed).toMatchObject({ kind: 'closed', node: VICTIM, report: { state: 'closed' } });
    expect(closed?.report?.instances.map(({ outcome }) => outcome)).toEqual(
      new Array(instances).fill('moved'),
    );
  }, 90_000);

  it('are told to the command as well', () => {
    const lines = readFileSync(join(directory, 'told'), 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    const messages = lines.map((line): Message => JSON.parse(line));
    const webhook = posted.map(({ message }) => message);
    expect(new Set(kindsOf(messages))).toEqual(new Set(kindsOf(webhook)));
    expect(messages.at(-1)).toEqual(webhook.at(-1));
  });

  it('are metrics of every name, that promtool reads', async () => {
    const response = await fetch(metricsUrl);
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    for (const { name, type } of Object.values(METRICS)) expect(text).toContain(`# TYPE ${name} ${type}\n`);
    const sampleOf = (series: string): number =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${series} `))
          ?.slice(series.length),
      );
    for (const part of DURATION_NAMES)
      expect(sampleOf(`instance_ha_duration_seconds_count{part="${part}"}`), part).toBe(1);
    expect(sampleOf('instance_ha_instance_duration_seconds_count')).toBe(instances);
    expect(sampleOf('instance_ha_instances_total{outcome="moved"}')).toBe(instances);
    for (const event of ['opened', 'released', 'closed'])
      expect(sampleOf(`instance_ha_incidents_total{event="${event}"}`), event).toBe(1);
    expect(sampleOf('instance_ha_api_requests_total{service="compute"}')).toBeGreaterThan(5);
    expect(text).toMatch(/^instance_ha_build_info\{version="[^"]+",owner="controller-\d:\d+\.\d+"\} 1$/m);
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    if (checked.error === undefined) expect(checked).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });
});
