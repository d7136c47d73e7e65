import { EVACUATION_ATTRIBUTE, INCIDENT_ATTRIBUTE } from '../../core/records.ts';
import type { ClusterView, FencingLevel, FencingTarget } from '../../pacemaker/cib.ts';
import {
  isTakenUp,
  keyOf,
  LEVEL_NUMBERS,
  levelsOf,
  unrecordedLevels,
  usableLevels,
  whyNoPowerFirst,
} from '../../pacemaker/topology.ts';
import { WATCHDOG_DEVICE } from '../../pacemaker/watchdog.ts';
import { parseBoolean } from '../../pacemaker/xml.ts';
import {
  backCommand,
  type ConfigurationFacts,
  computesOf,
  type Facts,
  isTakenOut,
  recordersOf,
} from '../facts.ts';
import { type Check, fault, type Problem, unsure, warning } from '../finding.ts';

/** The second: can the cluster fence, and does it see its computes? */
export const connectivity: Check = {
  id: 'connectivity',
  needs: ['configuration', 'status'],
  title: 'the cluster can fence every compute, and reaches it',
  looksAt:
    'every power device, asked for the power state with its own parameters; the fencing levels, whether Pacemaker takes them up and their devices are there, and fence_compute in each level of a compute; stonith-enabled; the state of the remote nodes',
  run: (facts) => {
    const { configuration } = facts;
    if (!configuration.known) return [];
    return [
      ...enabled(configuration.value),
      ...ignoredLevels(configuration.value),
      ...missingDevices(configuration.value),
      ...levels(configuration.value),
      ...devices(facts),
      ...remotes(facts, configuration.value),
    ];
  },
};

function enabled({ cluster }: ConfigurationFacts): Problem[] {
  if (cluster.stonithEnabled) return [];
  return [
    fault(
      'stonith-enabled is false: nothing is fenced, so nothing is ever evacuated',
      'pcs property set stonith-enabled=true, once the power devices work',
    ),
  ];
}

/** The CIB's schema takes any positive number. */
function ignoredLevels({ cluster }: ConfigurationFacts): Problem[] {
  const { first, last } = LEVEL_NUMBERS;
  return cluster.fencingLevels
    .filter((level) => !isTakenUp(level))
    .map(({ target, index }) =>
      fault(
        `fencing level ${index} of ${keyOf(target)} is ignored by Pacemaker, which takes levels ${first} to ${last}`,
        `pcs stonith level: give it a number from ${first} to ${last}, or take it out`,
        target.kind === 'node' ? target.node : null,
      ),
    );
}

/** A level with a device that is not there can never be gone through: its nodes, a controller too, are not fenced by it. */
function missingDevices(configuration: ConfigurationFacts): Problem[] {
  return configuration.cluster.fencingLevels.flatMap(({ target, index, devices }) =>
    devices
      .filter((id) => !isThere(configuration, id))
      .map((id) =>
        fault(
          `fencing level ${index} of ${keyOf(target)} names the device ${id}, which the cluster has not: the level can never succeed`,
          `pcs stonith level: take ${id} out of it, or give the cluster that device (instance-ha configure apply)`,
          target.kind === 'node' ? target.node : null,
        ),
      ),
  );
}

function isThere({ resources }: ConfigurationFacts, device: string): boolean {
  return device === WATCHDOG_DEVICE || resources.some(({ id }) => id === device);
}

function levels(configuration: ConfigurationFacts): Problem[] {
  const { cluster } = configuration;
  const recorders = recordersOf(configuration).map(({ id }) => id);
  if (recorders.length === 0)
    return [
      fault(
        'there is no device with the agent fence_compute: no fencing is recorded',
        'instance-ha configure apply',
      ),
    ];
  const computes = computesOf(configuration);
  return computes.flatMap((node): Problem[] => {
    const recorder = levelsOf(cluster, node)
      .flatMap((level) => level.devices)
      .find((id) => recorders.includes(id));
    if (recorder === undefined)
      return [
        fault(
          `no fencing level of ${node} has ${recorders.join(' or ')}: its death is not recorded, its instances stay`,
          `pcs stonith level add 1 ${node} POWERDEVICE ${recorders[0]}`,
          node,
        ),
      ];
    const why = whyNoPowerFirst(cluster, node);
    return [
      ...(why === null
        ? []
        : [
            fault(
              `fencing ${node} does not confirm its power off: ${why}`,
              `pcs stonith level: put a device that turns ${node} off before ${recorder}, and into each of its levels`,
              node,
            ),
          ]),
      ...unrecorded(cluster, computes, node, recorder),
      ...ambiguous(cluster, node),
    ];
  });
}

/** Each of them is judged by itself, so this is no fault. */
function ambiguous(cluster: ClusterView, node: string): Problem[] {
  const targets = [...new Set(levelsOf(cluster, node).map(({ target }) => keyOf(target)))];
  if (targets.length < 2) return [];
  return [
    warning(
      `${node} fits the fencing levels of ${targets.join(' and of ')}: Pacemaker takes those of one of them, and which one is chance`,
      `pcs stonith level: have one target fit ${node}, or give it levels of its own name`,
      node,
    ),
  ];
}

/** The fencer goes through no further level once one has succeeded, so each has to record. */
function unrecorded(
  cluster: ClusterView,
  computes: readonly string[],
  node: string,
  recorder: string,
): Problem[] {
  return unrecordedLevels(cluster, node).map((level) =>
    fault(
      `fencing level ${level.index} of ${node}${byGroup(level.target)} has no ${recorder}: where it is the one that succeeds, ${node} is fenced and nothing records that, so its instances stay`,
      recording(cluster, computes, node, level, recorder),
      node,
    ),
  );
}

const byGroup = (target: FencingTarget): string =>
  target.kind === 'node' ? '' : ` (${target.kind} ${keyOf(target)})`;

/** The commands that bring fence_compute into a level. It can't fence what is no compute, whose level would fail with it. */
function recording(
  cluster: ClusterView,
  computes: readonly string[],
  node: string,
  level: FencingLevel,
  recorder: string,
): string {
  const { index, target, devices } = level;
  const isForOthers =
    target.kind === 'node'
      ? target.node !== node
      : cluster.nodes.some(
          ({ name }) =>
            !computes.includes(name) &&
            levelsOf(cluster, name).some((each) => keyOf(each.target) === keyOf(target)),
        );
  if (!isForOthers)
    return `pcs stonith level remove ${index} target ${pcsTarget(target)}; ${adding(index, pcsTarget(target), [...devices, recorder])}`;
  const own = new Map<number, readonly string[]>();
  for (const each of usableLevels(cluster, node))
    if (each.devices.includes(recorder)) own.set(each.index, each.devices);
    else if (!own.has(each.index)) own.set(each.index, [...each.devices, recorder]);
  const commands = [...own].map(([at, ids]) => adding(at, node, ids));
  return `${commands.join('; ')}: its own levels, which then count in place of those that are for other nodes, too`;
}

/** Pacemaker's own device is no resource, and pcs takes it by force alone. */
const adding = (index: number, target: string, devices: readonly string[]): string =>
  `pcs stonith level add ${index} ${target} ${devices.join(' ')}${devices.includes(WATCHDOG_DEVICE) ? ' --force' : ''}`;

function pcsTarget(target: FencingTarget): string {
  switch (target.kind) {
    case 'node':
      return target.node;
    case 'pattern':
      return quoted(`regexp%${target.pattern}`);
    case 'attribute':
      return quoted(`attrib%${keyOf(target)}`);
    default:
      return target satisfies never;
  }
}

const quoted = (word: string): string =>
  /^[\w%=.:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

function devices({ power, status, configuration }: Facts): Problem[] {
  const isOnline = (name: string): boolean =>
    status.known && status.value.nodes.some((node) => node.name === name && node.online);
  const isInIncident = (name: string): boolean =>
    configuration.known && hasIncident(configuration.value, name);
  // That a device is not there is said of its level.
  const asked = power.filter(({ device }) => !configuration.known || isThere(configuration.value, device));
  return asked.flatMap((answer): Problem[] => {
    switch (answer.state) {
      case 'on':
        return [];
      case 'off':
        return isOnline(answer.node) && !isInIncident(answer.node)
          ? [
              fault(
                `${answer.device} says that the power of ${answer.node} is off, and the cluster sees it online`,
                'it has just died, or the device is that of another machine: compare its address with the BMC (pcs stonith config)',
                answer.node,
              ),
            ]
          : [];
      case 'not-asked':
        return [
          unsure(
            `${answer.device} was not asked for the power of ${answer.node}: ${answer.detail}`,
            `stonith_admin --query ${answer.device}`,
            answer.node,
          ),
        ];
      case 'failed':
        return [
          fault(
            `${answer.device} (${answer.agent}) can't tell the power of ${answer.node}: ${answer.detail}`,
            'is the BMC reachable from here, and are address, user and password of the device right? (pcs stonith config)',
            answer.node,
          ),
        ];
      default:
        return answer.state satisfies never;
    }
  });
}

function remotes({ status }: Facts, configuration: ConfigurationFacts): Problem[] {
  if (!status.known) return [];
  const computes = computesOf(configuration);
  const offline = status.value.nodes.filter(({ name, online }) => computes.includes(name) && !online);
  const missing = computes.filter((name) => !status.value.nodes.some((node) => node.name === name));
  const stopped = status.value.resources.filter(
    ({ agent, role }) => agent.startsWith('stonith:') && role !== 'Started',
  );
  return [
    ...offline
      .filter(({ name }) => !hasIncident(configuration, name) && !isTakenOut(configuration, name))
      .map(({ name }) =>
        warning(
          `${name} is offline without an incident: its pacemaker_remote does not run, or it has never joined`,
          `systemctl status pacemaker_remote on ${name}; pcs resource enable ${name}`,
          name,
        ),
      ),
    ...takenOut(configuration),
    ...missing.map((name) =>
      fault(
        `the cluster has no node ${name}, though fence_compute is for it`,
        'instance-ha configure apply, or take it out of pcmk_host_list',
        name,
      ),
    ),
    ...stopped.map(({ id, managed }) =>
      fault(
        `the fencing device ${id} is not started${managed ? '' : ' (and not managed)'}: its monitor fails`,
        `crm_mon -1 shows why; stonith_admin --query ${id}; then pcs stonith refresh ${id}`,
      ),
    ),
    ...oneByOne(configuration),
  ];
}

/** Those with a record are the business of the check incidents. */
function takenOut(configuration: ConfigurationFacts): Problem[] {
  return computesOf(configuration)
    .filter((name) => isTakenOut(configuration, name) && !hasRecord(configuration, name))
    .map((name) =>
      warning(
        `${name} is taken out of the cluster (maintenance): nothing of it is fenced or evacuated`,
        `${backCommand(name)}, when the work on it is done`,
        name,
      ),
    );
}

function hasRecord(configuration: ConfigurationFacts, name: string): boolean {
  const own = configuration.cluster.nodes.find((node) => node.name === name);
  return hasIncident(configuration, name) || (own?.permanent.has(EVACUATION_ATTRIBUTE) ?? false);
}

function hasIncident({ cluster }: ConfigurationFacts, name: string): boolean {
  return cluster.nodes.some((node) => node.name === name && node.permanent.has(INCIDENT_ATTRIBUTE));
}

/** `concurrent-fencing=false` makes a compute wait for the fencing of another one. */
function oneByOne({ cluster }: ConfigurationFacts): Problem[] {
  const value = cluster.properties.get('concurrent-fencing') ?? null;
  if (parseBoolean(value) !== false) return [];
  return [
    warning(
      'concurrent-fencing is false: when several computes die, each waits for the fencing of the one before',
      'pcs property set concurrent-fencing=true',
    ),
  ];
}
