import * as v from 'valibot';

/**
 * What NovaEvacuate hands to the evacuator, as JSON on its standard input: a pipe that nobody else can read, unlike
 * a command line or a file. `parameters` are the resource's own, credentials among them.
 */
const SettingsSchema = v.object({
  parameters: v.record(v.string(), v.string()),
  node: v.string(),
  domain: v.nullable(v.string()),
  policyFile: v.string(),
  /** What the resource's parameters say over the policy file; null: nothing. */
  overrides: v.object({
    evacuateDelayMs: v.nullable(v.pipe(v.number(), v.minValue(0))),
    instanceFiltering: v.nullable(v.boolean()),
    sharedStorage: v.nullable(v.boolean()),
  }),
  /** Only nodes with this permanent attribute are this evacuator's; null: all are. */
  nodeAttribute: v.nullable(v.object({ name: v.string(), value: v.string() })),
  stateDirectory: v.string(),
  logFile: v.string(),
  incidentDirectory: v.string(),
});
export type Settings = v.InferOutput<typeof SettingsSchema>;

/** The settings in what came on standard input; null when it is none. */
export function parseSettings(text: string): Settings | null {
  try {
    const parsed = v.safeParse(SettingsSchema, JSON.parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
