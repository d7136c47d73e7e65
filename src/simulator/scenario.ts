import * as v from 'valibot';
import { INCIDENT_ATTRIBUTE } from '../core/records.ts';
import { type ClusterSpec, DEFAULT_IMAGE, type InstanceSpec, type NovaSpec, uuidOf } from '../world/model.ts';
import type { Fault, Plan, PolicyChange } from './plan.ts';
import { run } from './run.ts';
import { tellStory } from './story.ts';

/** What stands in a scenario's `scenario.json`; what it does not say is as in a small, quick cloud. */
const ScenarioSchema = v.object({
  controllers: v.optional(v.number(), 3),
  computes: v.optional(v.number(), 3),
  /** Host → what is on it: `NAME STATE [TASK] [key=value]...`. */
  instances: v.optional(v.record(v.string(), v.array(v.string())), {}),
  domain: v.optional(v.nullable(v.string()), null),
  capacity: v.optional(v.number(), 500),
  /** Hosts that somebody has disabled → the reason. */
  disabled: v.optional(v.record(v.string(), v.string()), {}),
  bootMs: v.optional(v.number(), 6_000),
  groups: v.optional(v.record(v.string(), v.picklist(['affinity', 'anti-affinity'])), {}),
  cluster: v.optional(v.record(v.string(), v.unknown()), {}),
  nova: v.optional(v.record(v.string(), v.unknown()), {}),
  policy: v.optional(v.record(v.string(), v.unknown()), {}),
  faults: v.array(v.looseObject({ at: v.number(), do: v.string() })),
});
export type Scenario = v.InferOutput<typeof ScenarioSchema>;

const CLUSTER: ClusterSpec = {
  detectMs: [4_000, 4_000],
  tokenMs: [1_500, 1_500],
  bmcMs: [300, 300],
  reconnectMs: [2_000, 2_000],
  recheckMs: 60_000,
  fencingAttempts: 10,
  holdRule: INCIDENT_ATTRIBUTE,
  holdAgent: true,
  unfencing: false,
  powerFirst: true,
  novaStartMs: [1_500, 1_500],
  controllerBootMs: [15_000, 15_000],
};

const NOVA: NovaSpec = {
  release: 'zed',
  maxMicroversion: '2.93',
  maxLimit: 1_000,
  downTimeMs: 60_000,
  reportMs: 10_000,
  conductorMs: [100, 100],
  claimMs: [200, 200],
  spawnMs: [3_000, 3_000],
  finishMs: [500, 500],
  periodicMs: 60_000,
  skewMs: 0,
  groups: [],
  aggregates: [],
  flavors: [{ id: 'f1', name: 'm1.small', extraSpecs: {} }],
  images: [DEFAULT_IMAGE],
};

/** The plan of a scenario's text. A file of this repository that is wrong is an error, with what is wrong in it. */
export function planOfScenario(text: string): Plan {
  const scenario = v.parse(ScenarioSchema, JSON.parse(text));
  const computes = Array.from({ length: scenario.computes }, (_, index) => {
    const node = `compute-${index + 1}`;
    const host = scenario.domain === null ? node : `${node}.${scenario.domain}`;
    const bootMs = [scenario.bootMs, scenario.bootMs] as const;
    const disabledReason = scenario.disabled[host];
    const disabled = disabledReason === undefined ? {} : { disabledReason };
    return { node, host, capacity: scenario.capacity, bootMs, ...disabled };
  });
  const groups = Object.entries(scenario.groups).map(([name, policy], index) => ({
    id: uuidOf(0x60, index),
    name,
    policy,
  }));
  const instances: InstanceSpec[] = [];
  const ids = new Map<string, string>();
  for (const [host, list] of Object.entries(scenario.instances)) {
    for (const line of list) {
      const id = uuidOf(0x50, instances.length + 1);
      const instance = instanceOf(
        id,
        host,
        line,
        (name) => groups.find((each) => each.name === name)?.id ?? null,
      );
      ids.set(instance.name, id);
      instances.push(instance);
    }
  }
  // Faults name a server by its name.
  const faults = scenario.faults.map((fault) => {
    const server = typeof fault.server === 'string' ? (ids.get(fault.server) ?? fault.server) : undefined;
    return { ...fault, ...(server === undefined ? {} : { server }) } as unknown as Fault;
  });
  return {
    seed: 1,
    operatorMs: 300_000,
    domain: scenario.domain,
    policy: scenario.policy as PolicyChange,
    world: {
      epoch: Date.parse('2026-01-01T00:00:00Z'),
      controllers: Array.from({ length: scenario.controllers }, (_, index) => `controller-${index + 1}`),
      computes,
      instances,
      cluster: { ...CLUSTER, ...scenario.cluster },
      nova: { ...NOVA, groups, ...scenario.nova },
      tokenLifeMs: 3_600_000,
    },
    faults,
  };
}

function instanceOf(
  id: string,
  host: string,
  line: string,
  groupOf: (name: string) => string | null,
): InstanceSpec {
  const [name = '', vmState = 'active', ...rest] = line.split(' ');
  const values = new Map(
    rest.filter((word) => word.includes('=')).map((word) => word.split('=') as [string, string]),
  );
  const metadata = Object.fromEntries([...values].filter(([key]) => key.startsWith('instance-ha:')));
  return {
    id,
    name,
    host,
    vmState,
    taskState: values.get('task') ?? null,
    locked: values.get('locked') === 'yes',
    storage: (values.get('storage') ?? 'shared') as InstanceSpec['storage'],
    group: groupOf(values.get('group') ?? ''),
    projectId: values.get('project') ?? 'project-1',
    flavor: 'm1.small',
    metadata,
    tags: [],
  };
}

/** Runs a scenario; the text is its golden log. */
export async function logOfScenario(text: string): Promise<string> {
  const plan = planOfScenario(text);
  const story = tellStory(false);
  const result = await run(plan, { audience: story.audience });
  const end =
    result.violation === null
      ? `all invariants hold: ${result.evacuations} evacuations, calm after ${Math.round(result.virtualMs / 1000)} s`
      : `VIOLATED ${result.violation.checker}: ${result.violation.text}`;
  return `${story.lines.join('\n')}\n${end}\n`;
}
