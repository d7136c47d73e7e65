import type { Result as AnyResult } from '../core/result.ts';

export { failure, success } from '../core/result.ts';

/** What every function of this room gives: a value, or why a tool did not give one. */
export type Result<T, E = ToolError> = AnyResult<T, E>;

/** What can go wrong between us and a Pacemaker command. `detail` is the tool's own word, on one line. */
export type ToolError =
  | { readonly code: 'tool-missing'; readonly tool: string }
  | { readonly code: 'timeout'; readonly tool: string; readonly afterMs: number }
  | { readonly code: 'output-too-large'; readonly tool: string; readonly limitBytes: number }
  | { readonly code: 'cluster-down'; readonly tool: string; readonly detail: string }
  | {
      readonly code: 'tool-failed';
      readonly tool: string;
      /** null: ended by a signal, which is then in `detail`. */
      readonly exitCode: number | null;
      readonly detail: string;
    }
  | { readonly code: 'unknown-node'; readonly tool: string; readonly node: string }
  | { readonly code: 'bad-answer'; readonly tool: string; readonly detail: string };

const MAX_LINE_CHARS = 300;

/** Text from outside on one line, without control characters, bounded. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  const flat = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\s]+/g, ' ').trim();
  return flat.length <= MAX_LINE_CHARS ? flat : `${flat.slice(0, MAX_LINE_CHARS)}...`;
}

/** One line for an operator: what happened and what can be done about it. */
export function explain(error: ToolError): string {
  switch (error.code) {
    case 'tool-missing':
      return `${error.tool} is not on PATH: install the Pacemaker command-line tools (pacemaker-cli-utils) here`;
    case 'timeout':
      return `${error.tool} gave no answer within ${error.afterMs} ms: is the cluster overloaded or electing a DC? (crm_mon -1)`;
    case 'output-too-large':
      return `${error.tool} printed more than ${error.limitBytes} bytes and was stopped`;
    case 'cluster-down':
      return `${error.tool} cannot reach the cluster on this node${because(error.detail)}: is pacemaker running here? (systemctl status pacemaker)`;
    case 'tool-failed':
      return `${error.tool} failed ${error.exitCode === null ? 'by a signal' : `with exit status ${error.exitCode}`}${because(error.detail)}`;
    case 'unknown-node':
      return `the cluster knows no node ${oneLine(error.node)}: compare with the names in crm_mon -1`;
    case 'bad-answer':
      return `the answer of ${error.tool} makes no sense${because(error.detail)}: is this version of Pacemaker supported?`;
    default:
      return error satisfies never;
  }
}

function because(detail: string): string {
  return detail === '' ? '' : ` (${oneLine(detail)})`;
}
