import type { XmlElement } from '@rgrove/parse-xml';
import { failure, type Result, success } from './errors.ts';
import { type CallOptions, exitError, runTool, TOOL_TIMEOUT_MS } from './tool.ts';
import { attributeOf, childrenOf, parseDocument } from './xml.ts';

const TOOL = 'cibadmin';
const MAX_CIB_CHARS = 4 * 1024 * 1024;
/** `CRM_EX_NOSUCH`, and its older bare errno: the CIB has no alerts. */
const EXIT_NO_SECTION = [105, 6];
/** Pacemaker's default (lib/pengine/rules_alerts.c `PCMK__ALERT_DEFAULT_TIMEOUT_MS`). */
const DEFAULT_TIMEOUT_MS = 30_000;

/** One alert agent with one of its recipients, as it is to be called. */
export interface AlertTarget {
  readonly id: string;
  readonly path: string;
  /** Empty: the alert has no recipient. */
  readonly recipient: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** The alert agents that the cluster's configuration names for changes of attributes (`pcs alert`). */
export async function readAlerts(options: CallOptions = {}): Promise<Result<readonly AlertTarget[]>> {
  const run = options.run ?? runTool;
  const timeoutMs = options.timeoutMs ?? TOOL_TIMEOUT_MS;
  const output = await run(TOOL, ['--query', '--local', '--scope', 'alerts'], { timeoutMs });
  if (!output.ok) return output;
  if (EXIT_NO_SECTION.includes(output.value.exitCode)) return success([]);
  if (output.value.exitCode !== 0) return failure(exitError(TOOL, output.value));
  return parseAlerts(output.value.stdout);
}

/** Reads the section `alerts` of a CIB. */
export function parseAlerts(xml: string): Result<readonly AlertTarget[]> {
  const root = parseDocument(TOOL, xml, MAX_CIB_CHARS);
  if (!root.ok) return root;
  if (root.value.name !== 'alerts') {
    return failure({ code: 'bad-answer', tool: TOOL, detail: 'no <alerts>' });
  }
  return success(childrenOf(root.value, 'alert').filter(wantsAttributes).flatMap(targetsOf));
}

/** Without `<select>` an alert wants everything. */
function wantsAttributes(alert: XmlElement): boolean {
  const select = childrenOf(alert, 'select')[0];
  return select === undefined || childrenOf(select, 'select_attributes').length > 0;
}

function targetsOf(alert: XmlElement): AlertTarget[] {
  const path = attributeOf(alert, 'path') ?? '';
  const id = attributeOf(alert, 'id') ?? path;
  if (!path.startsWith('/')) return [];
  const shared = { id, path, recipient: '', environment: valuesOf(alert, 'instance_attributes') };
  const timeoutMs = timeoutOf(alert) ?? DEFAULT_TIMEOUT_MS;
  const recipients = childrenOf(alert, 'recipient');
  if (recipients.length === 0) return [{ ...shared, timeoutMs }];
  return recipients.map((recipient) => ({
    ...shared,
    recipient: attributeOf(recipient, 'value') ?? '',
    environment: { ...shared.environment, ...valuesOf(recipient, 'instance_attributes') },
    timeoutMs: timeoutOf(recipient) ?? timeoutMs,
  }));
}

/** Only names that are names of variables: they go into an environment. */
function valuesOf(element: XmlElement, set: string): Record<string, string> {
  const pairs = childrenOf(element, set).flatMap((each) => childrenOf(each, 'nvpair'));
  return Object.fromEntries(
    pairs
      .map((pair) => [attributeOf(pair, 'name') ?? '', attributeOf(pair, 'value') ?? ''] as const)
      .filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)),
  );
}

function timeoutOf(element: XmlElement): number | null {
  const text = valuesOf(element, 'meta_attributes').timeout;
  const match = /^(\d{1,6})(s|ms)?$/.exec(text ?? '');
  if (match === null) return null;
  return Number(match[1]) * (match[2] === 'ms' ? 1 : 1000);
}
