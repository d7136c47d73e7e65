import { Secret, scrub } from '../openstack/secret.ts';
import { CIBSECRET, SECRETS_DIRECTORY, withLocalSecrets } from '../pacemaker/cib-secrets.ts';
import { explain } from '../pacemaker/errors.ts';
import { whyNoPower } from '../pacemaker/power-agents.ts';
import type { ConfiguredResource } from '../pacemaker/resources.ts';
import { lastWords, type RunTool } from '../pacemaker/tool.ts';
import type { ConfigurationFacts, PowerAnswer } from './facts.ts';
import { onThisMachine } from './root.ts';

/** The longest that a device may take to tell the power, ms. */
const POWER_LIMIT_MS = 40_000;
/** Devices asked at a time. */
const MAX_AT_ONCE = 8;
/** fence-agents' exit codes of `status`: on, and off (fencing.py.py, fence_action). */
const EXIT_ON = 0;
const EXIT_OFF = 2;
const SECRET_NAME = /(passwd|password|secret|token|community)$/i;

/** Asks every power device of the computes' levels for the power, with the parameters that the cluster has: as it would itself. */
export async function gatherPower(
  run: RunTool,
  configuration: ConfigurationFacts,
  nodes: readonly string[],
): Promise<readonly PowerAnswer[]> {
  const open = nodes.flatMap((node) => powerDevicesOf(configuration, node).map((id) => ({ node, id })));
  const answers: PowerAnswer[] = [];
  while (open.length > 0) {
    const batch = open.splice(0, MAX_AT_ONCE);
    answers.push(...(await Promise.all(batch.map(({ node, id }) => askPower(run, configuration, node, id)))));
  }
  return answers;
}

/** The devices of a node's levels that turn something off. */
export function powerDevicesOf(configuration: ConfigurationFacts, node: string): string[] {
  const { cluster } = configuration;
  const own = cluster.fencingLevels.filter(({ target }) => target.kind === 'node' && target.node === node);
  return [...new Set(own.flatMap(({ devices }) => devices))].filter(
    (id) => whyNoPower(cluster.fencingAgents.get(id) ?? '') === null,
  );
}

/** Cuts the power of a node by a device itself, behind the back of the cluster; gives why it did not, or null. */
export async function powerOff(
  run: RunTool,
  configuration: ConfigurationFacts,
  node: string,
  id: string,
): Promise<string | null> {
  const configured = configuration.resources.find((resource) => resource.id === id);
  const agent = configured?.agent.replace(/^stonith:/, '') ?? '';
  if (configured === undefined || !/^fence_[a-z0-9_]+$/.test(agent)) return 'it is no agent of fence-agents';
  const device = await withLocalSecrets(configured, onThisMachine(SECRETS_DIRECTORY));
  if (lacksSecrets(device)) return NO_SECRETS;
  const output = await run(agent, [], { timeoutMs: POWER_LIMIT_MS, input: inputOf(device, node, 'off') });
  if (!output.ok) return explain(output.error);
  if (output.value.exitCode === 0) return null;
  return withoutSecrets(device, lastWords(output.value)) || `exit status ${output.value.exitCode}`;
}

async function askPower(
  run: RunTool,
  configuration: ConfigurationFacts,
  node: string,
  id: string,
): Promise<PowerAnswer> {
  const configured = configuration.resources.find((resource) => resource.id === id);
  if (configured === undefined)
    return {
      device: id,
      agent: '?',
      node,
      state: 'failed',
      detail: 'there is no such device in the cluster',
    };
  const agent = configured.agent.replace(/^stonith:/, '');
  const answer = (state: PowerAnswer['state'], detail: string): PowerAnswer => ({
    device: id,
    agent,
    node,
    state,
    detail,
  });
  if (!/^fence_[a-z0-9_]+$/.test(agent)) return answer('not-asked', 'it is no agent of fence-agents');
  const device = await withLocalSecrets(configured, onThisMachine(SECRETS_DIRECTORY));
  if (lacksSecrets(device)) return answer('not-asked', NO_SECRETS);
  const output = await run(agent, [], { timeoutMs: POWER_LIMIT_MS, input: inputOf(device, node, 'status') });
  if (!output.ok) return answer('failed', explain(output.error));
  if (output.value.exitCode === EXIT_ON) return answer('on', '');
  if (output.value.exitCode === EXIT_OFF) return answer('off', '');
  return answer(
    'failed',
    withoutSecrets(device, lastWords(output.value)) || `exit status ${output.value.exitCode}`,
  );
}

const NO_SECRETS =
  'its secrets are kept by cibsecret, and not on this controller, or not with their sum: cibsecret sync on one that has them';

function lacksSecrets(device: ConfiguredResource): boolean {
  return [...device.parameters.values()].includes(CIBSECRET);
}

/** As Pacemaker hands it over: on standard input, so that no password stands in a command line. */
function inputOf(device: ConfiguredResource, node: string, action: 'status' | 'off'): string {
  const parameters = [...device.parameters].filter(([name]) => !name.startsWith('pcmk_'));
  const port = parameters.some(([name]) => name === 'port' || name === 'plug')
    ? []
    : [['port', plugOf(device, node)]];
  return [['action', action], ['nodename', node], ...parameters, ...port]
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** `pcmk_host_map` is NODE:PORT;NODE:PORT (lib/fencing, `build_port_aliases`). */
function plugOf(device: ConfiguredResource, node: string): string {
  const entries = (device.parameters.get('pcmk_host_map') ?? '')
    .split(/[;\s]+/)
    .map((entry) => entry.split(':'));
  return entries.find(([name]) => name === node)?.[1] ?? node;
}

function withoutSecrets(device: ConfiguredResource, text: string): string {
  const secrets = [...device.parameters]
    .filter(([name]) => SECRET_NAME.test(name))
    .map(([, value]) => new Secret(value));
  return scrub(text, secrets);
}
