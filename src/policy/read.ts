import * as v from 'valibot';
import { type Document, isAlias, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { DEFAULT_POLICY, type OperatorPolicy } from '../core/policy.ts';
import { failure, type Result, success } from '../core/result.ts';
import { type Branch, fileKey, isRow } from './keys.ts';
import { nearest } from './nearest.ts';
import { demandOf, exampleOf, schemaOf } from './schema.ts';
import { POLICY_TABLE, type Row } from './table.ts';

/** Characters of a policy file, at most. */
export const MAX_POLICY_CHARS = 64 * 1024;
/** Uses of YAML's anchors within one value, at most. */
const MAX_ALIASES = 20;
/** Problems that are told at a time, at most. */
const MAX_PROBLEMS = 10;
const MAX_SHOWN_CHARS = 60;

/** What is wrong with a policy file, one line a problem, each with its own line number. */
export type PolicyProblems = readonly string[];

interface Reading {
  readonly document: Document;
  readonly lines: LineCounter;
  readonly problems: string[];
  /** Where the keys stand that the file has, by path. */
  readonly seen: Map<string, number>;
}

/** Reads a policy file: every key that it does not name has its default. All that is wrong with it is told. */
export function readPolicy(text: string): Result<OperatorPolicy, PolicyProblems> {
  if (text.length > MAX_POLICY_CHARS)
    return failure([`it has more than ${MAX_POLICY_CHARS} characters; a policy is written by hand`]);
  const lines = new LineCounter();
  const document = parse(text, lines);
  if (typeof document === 'string') return failure([document]);
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    return failure(syntax.slice(0, MAX_PROBLEMS).map((each) => oneLine(each.message)));
  }
  const reading: Reading = { document, lines, problems: [], seen: new Map() };
  const policy = readBranch(reading, document.contents, POLICY_TABLE, DEFAULT_POLICY, []) as OperatorPolicy;
  reading.problems.push(...contradictions(policy, reading));
  return reading.problems.length > 0 ? failure(reading.problems.slice(0, MAX_PROBLEMS)) : success(policy);
}

/** The document, or why there is none: brackets nested without end overflow the parser's stack. */
function parse(text: string, lines: LineCounter): Document | string {
  try {
    return parseDocument(text, { lineCounter: lines, prettyErrors: true, version: '1.2' });
  } catch (error) {
    return error instanceof RangeError ? 'it is nested too deep' : 'it is no YAML';
  }
}

/** What a node of the file makes of the defaults; whatever is wrong goes to the problems. */
function readBranch(
  reading: Reading,
  node: unknown,
  branch: Branch,
  defaults: unknown,
  path: readonly string[],
): unknown {
  const actual = isAlias(node) ? node.resolve(reading.document) : node;
  if (isAlias(node) && actual === undefined) {
    complain(reading, node, path, `refers to *${node.source}, which is nowhere`);
    return defaults;
  }
  // `section:` with nothing after it is what remains when all its keys are commented out.
  if (actual === null || actual === undefined || (isScalar(actual) && actual.value === null)) {
    if (isRow(branch) && actual !== undefined)
      complain(reading, node, path, `must be ${demandOf(branch)}${exampleOf(branch)}`);
    return defaults;
  }
  if (isRow(branch)) return readValue(reading, actual as Node, branch, defaults, path);
  if (!isMap(actual)) {
    const place = path.length === 0 ? 'the file' : path.join('.');
    reading.problems.push(`line ${lineOf(reading, actual)}: ${place} must hold keys with their values`);
    return defaults;
  }
  const result: Record<string, unknown> = { ...(defaults as object) };
  const names = new Map(Object.keys(branch).map((name) => [fileKey(name), name]));
  for (const { key, value } of actual.items) {
    const written = isScalar(key) ? String(key.value) : '';
    const name = names.get(written);
    const below = name === undefined ? undefined : branch[name];
    if (name === undefined || below === undefined) {
      complain(reading, key, [...path, written.slice(0, MAX_SHOWN_CHARS)], unknownKey(written, names, path));
      continue;
    }
    reading.seen.set([...path, written].join('.'), lineOf(reading, key));
    result[name] = readBranch(reading, value, below, result[name], [...path, written]);
  }
  return result;
}

function readValue(
  reading: Reading,
  node: Node,
  row: Row,
  fallback: unknown,
  path: readonly string[],
): unknown {
  let value: unknown;
  try {
    value = node.toJS(reading.document, { maxAliasCount: MAX_ALIASES });
  } catch {
    complain(reading, node, path, `uses more than ${MAX_ALIASES} aliases`);
    return fallback;
  }
  const parsed = v.safeParse(schemaOf(row), value);
  if (parsed.success) return parsed.output;
  complain(reading, node, path, `must be ${demandOf(row)}${exampleOf(row)}${shown(value)}`);
  return fallback;
}

/** Where a key that nobody knows may belong: it may be mistyped, or stand in the wrong section. */
function unknownKey(written: string, names: ReadonlyMap<string, string>, path: readonly string[]): string {
  const elsewhere = sectionsWith(written).filter((section) => section !== path.join('.'));
  if (elsewhere.length > 0) return `is unknown here; it belongs under ${elsewhere.join(' or ')}`;
  const meant = nearest(written, [...names.keys()]);
  return meant === null
    ? `is unknown; known are ${[...names.keys()].join(', ')}`
    : `is unknown; did you mean ${meant}?`;
}

function sectionsWith(written: string): readonly string[] {
  const found: string[] = [];
  const walk = (branch: Branch, path: readonly string[]): void => {
    if (isRow(branch)) return;
    for (const [name, below] of Object.entries(branch)) {
      if (fileKey(name) === written && path.length > 0) found.push(path.join('.'));
      walk(below, [...path, fileKey(name)]);
    }
  };
  walk(POLICY_TABLE, []);
  return found;
}

/** Values that are each right, and together are not. */
function contradictions(policy: OperatorPolicy, reading: Reading): string[] {
  const { minInFlight, startInFlight, maxInFlight } = policy.pace;
  const found: string[] = [];
  const say = (lower: string, low: number, upper: string, high: number): void => {
    if (low <= high) return;
    const at = reading.seen.get(`pace.${upper}`) ?? reading.seen.get(`pace.${lower}`);
    found.push(`line ${at}: pace.${lower} (${low}) must not be greater than pace.${upper} (${high})`);
  };
  say('min_in_flight', minInFlight, 'start_in_flight', startInFlight);
  say('start_in_flight', startInFlight, 'max_in_flight', maxInFlight);
  return found;
}

function complain(reading: Reading, node: unknown, path: readonly string[], what: string): void {
  reading.problems.push(`line ${lineOf(reading, node)}: ${oneLine(path.join('.'))} ${what}`);
}

function lineOf({ lines }: Reading, node: unknown): number {
  const begin = (node as { readonly range?: readonly [number, number, number] | null } | null)?.range?.[0];
  return begin === undefined ? 1 : lines.linePos(begin).line;
}

function shown(value: unknown): string {
  const text = oneLine(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
  return text.length > MAX_SHOWN_CHARS ? '' : ` (it is ${text})`;
}

/** The first line of a text, without the piece of the file that YAML's errors quote below it. */
function oneLine(text: string): string {
  const first = text.split('\n')[0] ?? '';
  const match = /^(.*) at line (\d+), column \d+:?$/.exec(first);
  const plain = match === null ? first : `line ${match[2]}: ${match[1]}`;
  return plain.replaceAll(/\p{Cc}/gu, ' ').trim();
}
