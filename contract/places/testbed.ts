/** The testbed as a place: real Nova, Keystone, Placement, Neutron, Glance and Pacemaker. Runs in the cloud's namespace. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HISTORY_ATTRIBUTE } from '../../src/core/records.ts';
import { readSeed } from '../../testbed/drill/cloud.ts';
import { parseRcFile } from '../../testbed/drill/parse.ts';
import { readRig } from '../../testbed/drill/rig.ts';
import { run } from '../../testbed/drill/run.ts';
import { at, eventually, listAt } from '../like.ts';
import type { Place, Wanted } from '../place.ts';
import { type Http, openHttp, serverState } from './http.ts';

const NAME = 'contract';
const BUILD_LIMIT_MS = 60_000;
const TOOL_LIMIT_MS = 100_000;
const RESTART_LIMIT_MS = 30_000;

/** The testbed that this file of names describes. */
export async function openTestbed(envFile: string): Promise<Place> {
  const rig = readRig(envFile);
  const rc = parseRcFile(readFileSync(rig.rcFile, 'utf8'));
  const seed = readSeed(rig.seedFile);
  const account = {
    authUrl: rc.get('OS_AUTH_URL') ?? '',
    username: rc.get('OS_USERNAME') ?? '',
    password: rc.get('OS_PASSWORD') ?? '',
    project: rc.get('OS_PROJECT_NAME') ?? '',
  };
  const http = openHttp(account);
  const failing = new Set<string>();
  const made: string[] = [];
  const groups: string[] = [];
  const aggregates: { readonly id: number; readonly hosts: readonly string[] }[] = [];
  const knob = (name: string, value: string | null): void => {
    const file = join(rig.knobsDir, name);
    if (value === null) rmSync(file, { force: true });
    else writeFileSync(file, `${value}\n`);
  };
  const compute = (method: string, path: string, body?: unknown) =>
    http.ask('compute', method, path, body === undefined ? {} : { body });

  async function makeOne({ host, group }: Wanted): Promise<string> {
    const server = {
      name: NAME,
      host,
      flavorRef: seed.flavor,
      imageRef: seed.image,
      networks: [{ uuid: seed.network }],
    };
    const hints = group === undefined ? {} : { 'os:scheduler_hints': { group } };
    const answer = await compute('POST', '/servers', { server, ...hints });
    const id = at(answer.body, 'server', 'id');
    if (typeof id !== 'string') throw new Error(`no server: ${answer.status} ${JSON.stringify(answer.body)}`);
    made.push(id);
    return id;
  }

  async function bringInto(id: string, state: NonNullable<Wanted['state']>): Promise<void> {
    const rest = { vm: 'active', task: null, power: 1 };
    await eventually(() => serverState(http, id), rest, BUILD_LIMIT_MS);
    if (state === 'active') return;
    await compute(
      'POST',
      `/servers/${id}/action`,
      state === 'stopped' ? { 'os-stop': null } : { pause: null },
    );
    const then = { vm: state, task: null, power: state === 'stopped' ? 4 : 3 };
    await eventually(() => serverState(http, id), then, BUILD_LIMIT_MS);
  }

  const onNode = (node: string, ...command: string[]) =>
    run([join(rig.dir, 'shell'), node, ...command], { timeoutMs: TOOL_LIMIT_MS });

  const computes = rig.computes as Place['computes'];
  return {
    name: 'testbed',
    controllers: rig.controllers,
    computes,
    powerDeviceOf: (compute) => `ipmilan-${compute}`,
    hasAgents: rig.agents !== 'none',
    ...http,
    async tool(machine, tool, ...args) {
      const { code, stdout, stderr } = await onNode(machine, tool, ...args);
      return { exitCode: code, stdout, stderr };
    },
    async makeServers(wanted) {
      const ids = await Promise.all(wanted.map(makeOne));
      await Promise.all(ids.map((id, index) => bringInto(id, wanted[index]?.state ?? 'active')));
      return ids;
    },
    async makeGroup(policy) {
      const answer = await compute('POST', '/os-server-groups', { server_group: { name: NAME, policy } });
      groups.push(String(at(answer.body, 'server_group', 'id')));
      return groups.at(-1) ?? '';
    },
    async makeAggregate(hosts) {
      const answer = await compute('POST', '/os-aggregates', { aggregate: { name: NAME } });
      const id = Number(at(answer.body, 'aggregate', 'id'));
      for (const host of hosts) await compute('POST', `/os-aggregates/${id}/action`, { add_host: { host } });
      aggregates.push({ id, hosts: computes });
      return id;
    },
    async deleteServer(id) {
      await compute('DELETE', `/servers/${id}`);
      await eventually(async () => (await compute('GET', `/servers/${id}`)).status, 404, BUILD_LIMIT_MS);
    },
    failSpawns(server, fails) {
      if (fails) failing.add(server);
      else failing.delete(server);
      knob('spawn_fail_server', failing.size === 0 ? null : [...failing].join('\n'));
    },
    slowSpawns: (seconds) => knob('spawn_delay', seconds === 0 ? null : String(seconds)),
    async restartNovaCompute(host) {
      const { code, stderr } = await onNode(host, 'systemctl', 'restart', 'nova-compute');
      if (code !== 0) throw new Error(`nova-compute of ${host} does not restart: ${stderr}`);
    },
    killGuests(host) {
      // As guests.sh writes it at the boot after a loss of power.
      const directory = join(rig.guestsDir, host);
      for (const uuid of readdirSync(directory).filter((name) => !name.startsWith('.'))) {
        const file = join(directory, uuid);
        const [state, name] = readFileSync(file, 'utf8').split(/\s+/);
        if (state === 'running') writeFileSync(file, `shutdown ${name}\n`);
      }
    },
    async tidy() {
      knob('spawn_fail_server', null);
      knob('spawn_delay', null);
      await tidyCloud(http, computes);
      for (const { id, hosts } of aggregates) {
        for (const host of hosts)
          await compute('POST', `/os-aggregates/${id}/action`, { remove_host: { host } });
        await compute('DELETE', `/os-aggregates/${id}`);
      }
      for (const group of groups) await compute('DELETE', `/os-server-groups/${group}`);
      await forgetIncidents(computes, (...args) => onNode(rig.controllers[0] ?? '', ...args));
      for (const id of made)
        for (const host of computes) rmSync(join(rig.guestsDir, host, id), { force: true });
    },
    close: async () => {},
  };
}

/** Where a host has failed several times within an hour it stays disabled, and a drill that follows would see that. */
async function forgetIncidents(
  nodes: readonly string[],
  run: (...command: string[]) => Promise<unknown>,
): Promise<void> {
  for (const node of nodes)
    await run(
      'crm_attribute',
      '--node',
      node,
      '--name',
      HISTORY_ATTRIBUTE,
      '--lifetime',
      'forever',
      '--delete',
    );
}

/** Deletes what is the contract's, and lets every host be up and enabled again; a restart completes its records. */
async function tidyCloud(http: Http, hosts: readonly string[]): Promise<void> {
  const servers = await http.ask('compute', 'GET', `/servers/detail?all_tenants=1&name=${NAME}`);
  for (const { id } of listAt(servers.body, 'servers')) await http.ask('compute', 'DELETE', `/servers/${id}`);
  const left = async () =>
    (await http.ask('compute', 'GET', `/servers/detail?all_tenants=1&name=${NAME}`)).body;
  await eventually(left, { servers: [] }, BUILD_LIMIT_MS);
  for (const host of hosts) {
    const list = async () => listAt((await http.ask('compute', 'GET', '/os-services')).body, 'services');
    const service = (await list()).find((each) => each.host === host);
    if (service?.forced_down === true)
      await http.ask('compute', 'PUT', `/os-services/${service.id}`, { body: { forced_down: false } });
    const state = async () => (await list()).find((each) => each.host === host);
    await eventually(state, { state: 'up', forced_down: false }, RESTART_LIMIT_MS);
    if (service?.status === 'disabled')
      await http.ask('compute', 'PUT', `/os-services/${service.id}`, { body: { status: 'enabled' } });
  }
}
