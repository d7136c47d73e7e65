import * as v from 'valibot';
import { isNodeName } from '../core/names.ts';
import { failure, type Result, success } from '../core/result.ts';
import { Secret } from '../openstack/secret.ts';
import { readYaml, type YamlPath } from '../openstack/yaml.ts';
import { whyNoPower } from '../pacemaker/power-agents.ts';
import { powerNodeOf, readInstackenv } from './instackenv.ts';
import { DEFAULT_TIMING, TIMING_INPUTS, type TimingInput } from './timing.ts';
import { DISTRIBUTIONS, type Distribution, type Units } from './units.ts';

export type Shape = 'managed' | 'minimal' | 'unfence';
export const SHAPES = ['managed', 'minimal', 'unfence'] as const satisfies readonly Shape[];

/** Where a power device's password stands. */
export type DevicePassword =
  /** A script on the controllers, root's alone, that prints it (`passwd_script` of fence-agents). */
  | { readonly kind: 'file'; readonly path: string; readonly secret: Secret }
  /** Beside the CIB, on every controller for itself, as Pacemaker's own cibsecret keeps it. */
  | { readonly kind: 'cibsecret'; readonly secret: Secret }
  /** In the CIB, as most clusters have it: every controller's root and haclient can read it there. */
  | { readonly kind: 'cib'; readonly secret: Secret };

export interface PowerDevice {
  readonly id: string;
  readonly node: string;
  /** Such as `fence_ipmilan`. */
  readonly agent: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly password: DevicePassword | null;
}

export type Fencing =
  | { readonly kind: 'device'; readonly device: PowerDevice }
  /** Devices that the cluster has already, in their order. */
  | { readonly kind: 'existing'; readonly ids: readonly string[] };

export interface ControllerInput {
  readonly name: string;
  /** null: how the controllers are fenced is left alone. */
  readonly fencing: Fencing | null;
}

export interface ComputeInput {
  readonly name: string;
  /** Address of its pacemaker_remote; null: the cluster has its remote resource already, which is left alone. */
  readonly address: string | null;
  readonly fencing: Fencing;
}

/** What an operator wants, checked. */
export interface ClusterInput {
  readonly shape: Shape;
  readonly units: Units;
  readonly controllers: readonly ControllerInput[];
  readonly computes: readonly ComputeInput[];
  readonly timing: TimingInput;
  readonly domain: string | null;
  readonly evacuateDelayS: number;
  /** Where the credentials stand on every controller. */
  readonly rcFile: string;
  /** Where they come from; null: they are put there by other means. */
  readonly cloud: CloudSource | null;
}

export type CloudSource =
  | { readonly kind: 'rc'; readonly path: string }
  | { readonly kind: 'clouds'; readonly path: string; readonly cloud: string };

export const DEFAULT_RC_FILE = '/etc/instance-ha/overcloudrc';
/** Scripts that print the BMCs' passwords, one a device. */
export const PASSWORD_DIRECTORY = '/etc/instance-ha/bmc';

const Name = v.pipe(v.string(), v.check(isNodeName, 'no name of a node'));
const Path = v.pipe(v.string(), v.regex(/^\/[^\s'"\\]*$/, 'an absolute path without spaces or quotes'));
const Id = v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/, 'no id of a resource'));
const AgentName = v.pipe(v.string(), v.regex(/^fence_[a-z0-9_]+$/, 'no fence agent, such as fence_ipmilan'));

const FencingSchema = v.strictObject({
  agent: v.optional(AgentName),
  /** Id of the device that is made. */
  id: v.optional(Id),
  parameters: v.optional(v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_-]*$/)), v.string()), {}),
  password: v.optional(v.string()),
  /** Devices that are there already. */
  devices: v.optional(v.pipe(v.array(Id), v.minLength(1))),
});
type FencingText = v.InferOutput<typeof FencingSchema>;

const NodeSchema = v.union([
  Name,
  v.strictObject({
    name: Name,
    address: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:-]+$/, 'no address'))),
    remote: v.optional(v.picklist(['create', 'existing']), 'create'),
    /** Its name in instackenv.json, where that differs. */
    bmc: v.optional(v.string()),
    fencing: v.optional(FencingSchema),
  }),
]);

const TimingSchema = v.strictObject(
  Object.fromEntries(
    Object.values(TIMING_INPUTS).map(({ key, min, max }) => [
      key,
      v.optional(
        v.pipe(
          v.number(),
          v.integer(),
          v.minValue(min, `at least ${min} (seconds)`),
          v.maxValue(max, `at most ${max} (seconds)`),
        ),
      ),
    ]),
  ),
);

const InputSchema = v.strictObject({
  shape: v.picklist(SHAPES),
  distribution: v.optional(
    v.picklist(Object.keys(DISTRIBUTIONS) as [Distribution, ...Distribution[]]),
    'rdo',
  ),
  units: v.optional(
    v.strictObject({
      neutron_agent: v.optional(Id),
      libvirt: v.optional(Id),
      ceilometer: v.optional(Id),
      nova_compute: v.optional(Id),
    }),
    {},
  ),
  cloud: v.optional(
    v.union([v.strictObject({ rc_file: Path }), v.strictObject({ clouds_file: Path, cloud: v.string() })]),
  ),
  credentials_file: v.optional(Path, DEFAULT_RC_FILE),
  domain: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9.-]+$/, 'no DNS domain'))),
  evacuate_delay: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(3600)), 0),
  /** Where the BMCs' passwords go. */
  bmc_passwords: v.optional(v.picklist(['file', 'cibsecret', 'cib']), 'file'),
  instackenv: v.optional(Path),
  fencing: v.optional(FencingSchema, {}),
  controllers: v.pipe(v.array(NodeSchema), v.minLength(1, 'at least one')),
  computes: v.pipe(v.array(NodeSchema), v.minLength(1, 'at least one')),
  timing: v.optional(TimingSchema, {}),
});
type InputText = v.InferOutput<typeof InputSchema>;
type NodeText = Exclude<InputText['computes'][number], string>;

/** Reads a file; rejects when that is impossible. */
export type ReadText = (path: string) => Promise<string>;

/** Everything that is wrong with an input, each in a sentence with its place. */
export type InputProblems = readonly string[];

/** Where a number is meant; everything else is text, since passwords, names and parameters may look like one. */
function isNumber(path: YamlPath): boolean {
  return path[0] === 'timing' || path.join('.') === 'evacuate_delay';
}

/** Reads the input: YAML (JSON is YAML too), checked as a whole. */
export async function readInput(
  text: string,
  readText: ReadText,
): Promise<Result<ClusterInput, InputProblems>> {
  const yaml = readYaml(text, isNumber);
  if (!yaml.ok) return failure([`it ${yaml.problem}`]);
  const parsed = v.safeParse(InputSchema, yaml.value);
  if (!parsed.success) return failure(parsed.issues.flatMap(issueText));
  const input = parsed.output;
  const problems: string[] = [];
  const bmcs =
    input.instackenv === undefined ? null : await readInstackenv(input.instackenv, readText, problems);
  const controllers = input.controllers.map(nodeText).map((node) => ({
    name: node.name,
    fencing: fencingOf(node, input, bmcs, problems, false),
  }));
  const computes = input.computes.map(nodeText).flatMap((node): ComputeInput[] => {
    const fencing = fencingOf(node, input, bmcs, problems, true);
    const address = node.remote === 'existing' ? null : (node.address ?? node.name);
    return fencing === null ? [] : [{ name: node.name, address, fencing }];
  });
  problems.push(
    ...duplicates(
      [...controllers, ...computes].map(({ name }) => name),
      'node',
    ),
  );
  problems.push(...duplicates(deviceIds([...controllers, ...computes]), 'fencing device'));
  if (problems.length > 0) return failure([...new Set(problems)]);
  return success({
    shape: input.shape,
    units: unitsOf(input),
    controllers,
    computes,
    timing: timingInput(input),
    domain: input.domain ?? null,
    evacuateDelayS: input.evacuate_delay,
    rcFile: input.credentials_file,
    cloud: cloudOf(input),
  });
}

function issueText(issue: v.BaseIssue<unknown>): string[] {
  // A union's own words say little; those of the branch that came furthest do.
  if (issue.issues !== undefined && issue.type === 'union') {
    const inner = issue.issues.filter((each) => each.expected !== 'string' && each.expected !== 'boolean');
    const deepest = inner.find((each) => (each.path?.length ?? 0) > 0);
    if (deepest !== undefined) {
      const path = [v.getDotPath(issue), v.getDotPath(deepest)].filter(Boolean).join('.');
      return [`${path}: ${wordsOf(deepest)}`];
    }
  }
  return [`${v.getDotPath(issue) ?? 'the input'}: ${wordsOf(issue)}`];
}

/** What was expected, never what was received: that may be a password. */
function wordsOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'strict_object' && issue.expected === 'never') return 'no such key here';
  if (issue.received === 'undefined') return 'is missing';
  return issue.kind === 'validation' && !issue.message.startsWith('Invalid')
    ? issue.message
    : `expected ${issue.expected ?? 'something else'}`;
}

function nodeText(node: InputText['computes'][number]): NodeText {
  return typeof node === 'string' ? { name: node, remote: 'create' } : node;
}

function fencingOf(
  node: NodeText,
  input: InputText,
  bmcs: Awaited<ReturnType<typeof readInstackenv>>,
  problems: string[],
  isNeeded: boolean,
): Fencing | null {
  const own: FencingText = node.fencing ?? { parameters: {} };
  if (own.devices !== undefined) return { kind: 'existing', ids: own.devices };
  const bmc = powerNodeOf(bmcs, node.bmc ?? node.name);
  if (node.fencing === undefined && bmc === null) {
    if (isNeeded) {
      problems.push(
        `${node.name}: it has no fencing device: give it \`fencing\`, or an entry in instackenv (matched by \`bmc\` or its name)`,
      );
    }
    return null;
  }
  const agent = own.agent ?? bmc?.agent ?? input.fencing.agent;
  if (agent === undefined) {
    problems.push(`${node.name}: fencing names no agent, such as fence_ipmilan or fence_redfish`);
    return null;
  }
  const noPower = isNeeded ? whyNoPower(agent) : null;
  if (noPower !== null)
    problems.push(`${node.name}: ${agent} turns nothing off, ${noPower}: its fencing would prove nothing`);
  const parameters = { ...input.fencing.parameters, ...bmc?.parameters, ...own.parameters };
  for (const name of ['password', 'passwd']) {
    if (name in parameters)
      problems.push(`${node.name}: write the password as fencing.password, not among its parameters`);
  }
  const id = own.id ?? `${agent === 'fence_ipmilan' ? 'ipmilan' : agent.replace(/^fence_/, '')}-${node.name}`;
  const text = own.password ?? bmc?.password ?? input.fencing.password;
  return {
    kind: 'device',
    device: {
      id,
      node: node.name,
      agent,
      parameters,
      password: text === undefined ? null : passwordOf(id, text, input.bmc_passwords),
    },
  };
}

function passwordOf(id: string, text: string, place: DevicePassword['kind']): DevicePassword {
  const secret = new Secret(text);
  return place === 'file'
    ? { kind: place, path: `${PASSWORD_DIRECTORY}/${id}`, secret }
    : { kind: place, secret };
}

function deviceIds(nodes: readonly { readonly fencing: Fencing | null }[]): string[] {
  return nodes.flatMap(({ fencing }) => (fencing?.kind === 'device' ? [fencing.device.id] : []));
}

function duplicates(names: readonly string[], what: string): string[] {
  return names
    .filter((name, at) => names.indexOf(name) !== at)
    .map((name) => `the ${what} ${name} is there twice`);
}

function unitsOf(input: InputText): Units {
  const units = DISTRIBUTIONS[input.distribution];
  return {
    neutronAgent: input.units.neutron_agent ?? units.neutronAgent,
    libvirt: input.units.libvirt ?? units.libvirt,
    ceilometer: input.units.ceilometer ?? units.ceilometer,
    novaCompute: input.units.nova_compute ?? units.novaCompute,
  };
}

function timingInput(input: InputText): TimingInput {
  const set = input.timing as Readonly<Record<string, number | undefined>>;
  const entries = Object.entries(TIMING_INPUTS).map(([name, { key }]) => [
    name,
    set[key] ?? DEFAULT_TIMING[name as keyof TimingInput],
  ]);
  return Object.fromEntries(entries) as TimingInput;
}

function cloudOf(input: InputText): CloudSource | null {
  if (input.cloud === undefined) return null;
  return 'rc_file' in input.cloud
    ? { kind: 'rc', path: input.cloud.rc_file }
    : { kind: 'clouds', path: input.cloud.clouds_file, cloud: input.cloud.cloud };
}
