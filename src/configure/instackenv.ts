import * as v from 'valibot';
import type { ReadText } from './input.ts';

/** A machine of an instackenv.json, as a fence agent wants it. */
export interface PowerNode {
  readonly name: string;
  readonly agent: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly password: string | undefined;
}

/** The keys are those of tripleo-common's nodes.py (`DriverInfo` of each driver). */
const NodeSchema = v.object({
  name: v.optional(v.string()),
  pm_type: v.string(),
  pm_addr: v.optional(v.string()),
  pm_user: v.optional(v.string()),
  pm_password: v.optional(v.string()),
  pm_port: v.optional(
    v.pipe(
      v.union([v.string(), v.number()]),
      v.transform((port) => String(port)),
    ),
  ),
  pm_system_id: v.optional(v.string()),
});
const FileSchema = v.object({ nodes: v.array(NodeSchema) });
type Node = v.InferOutput<typeof NodeSchema>;

/** The machines of an instackenv.json; null, and a problem, when it can't be used. Machines without a name match nothing. */
export async function readInstackenv(
  path: string,
  readText: ReadText,
  problems: string[],
): Promise<readonly PowerNode[] | null> {
  let raw: unknown;
  try {
    raw = JSON.parse(await readText(path));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? 'it is no JSON' : 'it cannot be read';
    problems.push(`instackenv ${path}: ${why}`);
    return null;
  }
  const parsed = v.safeParse(FileSchema, raw);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    problems.push(
      `instackenv ${path}: ${v.getDotPath(issue) ?? 'the file'} is not ${issue.expected ?? 'as expected'}`,
    );
    return null;
  }
  return parsed.output.nodes.flatMap((node) => {
    const power = powerNode(node);
    if (typeof power !== 'string') return [power];
    problems.push(`instackenv ${path}: ${node.name ?? 'a node without a name'}: ${power}`);
    return [];
  });
}

/** The machine of exactly this name; null: the file has none, or there was no file that could be used. */
export function powerNodeOf(nodes: readonly PowerNode[] | null, name: string): PowerNode | null {
  return nodes?.find((node) => node.name === name) ?? null;
}

function powerNode(node: Node): PowerNode | string {
  if (node.pm_addr === undefined) return 'it has no pm_addr';
  const shared = {
    name: node.name ?? '',
    password: node.pm_password,
  };
  const user: Record<string, string> = node.pm_user === undefined ? {} : { username: node.pm_user };
  switch (node.pm_type.replace(/^(pxe_|agent_)/, '')) {
    case 'ipmi':
    case 'ipmitool':
    case 'idrac-ipmi':
      return {
        ...shared,
        agent: 'fence_ipmilan',
        parameters: {
          ip: node.pm_addr,
          ...user,
          lanplus: '1',
          ...(node.pm_port === undefined ? {} : { ipport: node.pm_port }),
        },
      };
    case 'redfish':
    case 'idrac-redfish':
      return redfishNode(node, node.pm_addr, shared, user);
    default:
      return `pm_type ${node.pm_type} is neither IPMI nor Redfish; describe its device under \`fencing\``;
  }
}

/** `pm_addr` may be a URL there (tripleo-common nodes.py RedfishDriverInfo); fence_redfish wants host and port. */
function redfishNode(
  node: Node,
  address: string,
  shared: Pick<PowerNode, 'name' | 'password'>,
  user: Readonly<Record<string, string>>,
): PowerNode | string {
  const text = /^https?:\/\//.test(address) ? address : `https://${address}`;
  if (!URL.canParse(text)) return 'its pm_addr is neither an address nor a URL';
  const url = new URL(text);
  const port = node.pm_port ?? (url.port || undefined);
  return {
    ...shared,
    agent: 'fence_redfish',
    parameters: {
      ip: url.hostname,
      ...user,
      ...(port === undefined ? {} : { ipport: port }),
      ...(node.pm_system_id === undefined ? {} : { systems_uri: node.pm_system_id }),
      ...(url.protocol === 'https:' ? { ssl: '1' } : {}),
    },
  };
}
