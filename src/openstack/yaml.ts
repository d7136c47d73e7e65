import {
  type Document,
  isAlias,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';

/** Uses of anchors that a file may have; more is no configuration but an attempt to fill the memory. */
const MAX_ALIASES = 100;

/** Where a value stands: the keys that lead to it. */
export type YamlPath = readonly string[];

export type YamlResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: string };

/**
 * Reads a file in which secrets stand. A plain number or truth value is kept as it is written, since `0123`, `1e5` and
 * twenty digits may be passwords or names; `isTyped` says where a number or a truth value is meant. The problem
 * names line and code and quotes nothing of the file, and nothing is printed beside it.
 */
export function readYaml(text: string, isTyped: (path: YamlPath) => boolean): YamlResult {
  try {
    const lines = new LineCounter();
    // A warning would go to standard error with the text that it is about.
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      schema: 'core',
      logLevel: 'error',
    });
    const found = firstFault(document);
    if (found !== null) return { ok: false, problem: faultText(lines.linePos(found.at).line, found.code) };
    keepText(document, isTyped);
    return { ok: true, value: document.toJS({ maxAliasCount: MAX_ALIASES }) };
  } catch {
    return { ok: false, problem: 'is no YAML that can be read' };
  }
}

function faultText(line: number, code: string): string {
  return `is no YAML (line ${line}, ${code}): a value with special characters in it has to stand in quotes`;
}

interface Fault {
  readonly code: string;
  readonly at: number;
}

/** An unknown tag is only a warning to the parser, which takes `!word` off the value: a password would be another one. */
function firstFault(document: Document): Fault | null {
  const [error] = document.errors;
  const fault = error ?? document.warnings.find(({ code }) => code === 'TAG_RESOLVE_FAILED');
  return fault === undefined ? lostAlias(document) : { code: fault.code, at: fault.pos[0] };
}

/** `*word` without an anchor before it: the parser throws only when it makes values, with the word and without a place. */
function lostAlias(document: Document): Fault | null {
  const anchors = new Set<string>();
  let lost: Fault | null = null;
  visit(document, (_, node) => {
    if (isAlias(node)) {
      if (anchors.has(node.source)) return undefined;
      lost = { code: 'UNRESOLVED_ALIAS', at: node.range?.[0] ?? 0 };
      return visit.BREAK;
    }
    const anchor = isNode(node) ? (node as Node & { anchor?: string }).anchor : undefined;
    if (anchor !== undefined) anchors.add(anchor);
    return undefined;
  });
  return lost;
}

function keepText(document: Document, isTyped: (path: YamlPath) => boolean): void {
  visit(document, {
    Scalar: (key, node, ancestors) => {
      if (node.source === undefined || typeof node.value === 'string' || node.value === null) return;
      if (key !== 'key' && isTyped(pathOf(ancestors))) return;
      node.value = node.source;
    },
  });
}

function pathOf(ancestors: readonly unknown[]): YamlPath {
  return ancestors.filter(isPair).map(({ key }) => (isScalar(key) ? String(key.value) : ''));
}
