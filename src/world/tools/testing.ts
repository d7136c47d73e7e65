/** What the tests of the commands share: a cluster at rest, a call, and the same one of the real command for the same cluster. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INCIDENT_ATTRIBUTE } from '../../core/records.ts';
import { labSpec } from '../../lab/spec.ts';
import { createWorld, type World } from '../model.ts';
import { advance, OBLIGING_AGENTS } from '../testing.ts';
import type { ToolAnswer } from './answer.ts';
import { runPacemakerTool } from './run.ts';
import { attributesOf, cloneResources, nodesOf, type Running, singleResources } from './status.ts';

export const ON = 'controller-1';

export function newWorld(): World {
  const world = createWorld(
    labSpec({ hosts: 4, instances: 0, spawnS: 1 }, Date.parse('2026-11-07T20:23:36Z')),
    {
      dice: () => 0.5,
      emit: () => {},
      agents: OBLIGING_AGENTS,
    },
  );
  advance(world, 30_000);
  return world;
}

export function call(world: World, tool: string, ...args: string[]): ToolAnswer {
  const result = runPacemakerTool(world, ON, tool, args);
  if (result === 'hangs' || typeof result === 'function') throw new Error(`${tool} gives no answer at once`);
  return result;
}

export const hasReal = (tool: string): boolean => existsSync(`/usr/sbin/${tool}`);

/** One remote node is out of the cluster, the chain of another is starting or held; there are attributes of all kinds. */
export function troubled(): World {
  const world = newWorld();
  const [, held, out, starting] = [...world.cluster.remotes.values()];
  if (held === undefined || out === undefined || starting === undefined) throw new Error('too few computes');
  starting.novaCompute = 'starting';
  call(world, 'crm_attribute', '-N', held.node, '-n', INCIDENT_ATTRIBUTE, '-v', 'i-1', '-l', 'forever');
  call(world, 'crm_resource', '-r', out.node, '-m', '-p', 'target-role', '-v', 'Stopped');
  call(world, 'attrd_updater', '-n', 'seen', '-N', 'compute-1', '-U', 'so it is');
  call(world, 'attrd_updater', '-n', 'hidden', '-p', '-N', 'compute-1', '-U', 'yes');
  advance(world, 5_000);
  return world;
}

/** What the real command says of the same cluster; without a cluster, it reads a file. */
export function callReal(world: World, tool: string, ...args: string[]): ToolAnswer {
  const directory = mkdtempSync(join(tmpdir(), 'instance-ha-cib-'));
  try {
    const file = join(directory, 'cib.xml');
    writeFileSync(file, cibWithHistory(world));
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TZ: 'UTC', CIB_file: file };
    const { status, stdout, stderr } = spawnSync(tool, args, { encoding: 'utf8', env });
    return { exitCode: status ?? -1, stdout, stderr };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The model's CIB with what the model's status leaves out, and Pacemaker knows the state of nodes and resources by. */
function cibWithHistory(world: World): string {
  const running = [...singleResources(world), ...cloneResources(world).flatMap(({ instances }) => instances)];
  const seen = { ...world.cluster, haveQuorum: true };
  const states = nodesOf(world, ON).map(({ name, id, type, online, standby }) => {
    const [crmd, join] = online ? ['online', 'member'] : ['offline', 'down'];
    const node =
      type === 'remote' ? 'remote_node="true"' : `crmd="${crmd}" join="${join}" expected="${join}"`;
    const attributes = [...attributesOf(world, seen, name), ...(standby ? [['standby', 'on']] : [])].map(
      ([key, value]) => `<nvpair id="s-${id}-${key}" name="${key}" value="${value}"/>`,
    );
    const history = online ? running.filter(({ on }) => on === name).map(historyXml) : [];
    return [
      `<node_state id="${id}" uname="${name}" in_ccm="${online}" ${node}>`,
      `<lrm id="${id}"><lrm_resources>${history.join('')}</lrm_resources></lrm>`,
      `<transient_attributes id="${id}"><instance_attributes id="s-${id}">${attributes.join('')}</instance_attributes></transient_attributes>`,
      '</node_state>',
    ].join('');
  });
  return call(world, 'cibadmin', '--query').stdout.replace(
    /<status>.*<\/status>/s,
    `<status>${states.join('')}</status>`,
  );
}

function historyXml({ id, agent, role }: Running): string {
  const [standard, ...rest] = agent.split(':');
  const type = rest.length === 1 ? `type="${rest[0]}"` : `provider="${rest[0]}" type="${rest[1]}"`;
  const operation = (name: string, callId: number, rc: number, status: number): string =>
    `<lrm_rsc_op id="${id}_last_${callId}" operation="${name}" operation_key="${id}_${name}_0" interval="0" transition-key="1:1:0:a" transition-magic="${status}:${rc};1:1:0:a" call-id="${callId}" rc-code="${rc}" op-status="${status}"/>`;
  const pending = (name: string): string => operation(name, -1, 193, -1);
  const operations = {
    Started: operation('start', 2, 0, 0),
    Starting: pending('start'),
    Stopping: operation('start', 2, 0, 0) + pending('stop'),
    Stopped: operation('stop', 3, 0, 0),
  };
  return `<lrm_resource id="${id}" class="${standard}" ${type}>${operations[role]}</lrm_resource>`;
}
