import { parseXml, XmlComment, XmlElement, XmlText } from '@rgrove/parse-xml';
import { failure, oneLine, type Result, success } from './errors.ts';
import { escapeXml } from './xml.ts';

/** An element of a CIB that may be changed. Read with {@link parseTree}; what only looks uses `cib.ts`. */
export interface TreeElement {
  readonly kind: 'element';
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: TreeNode[];
}

/** What else stands in a CIB and has to survive a change: comments, and the text of a few elements. */
export interface TreeText {
  readonly kind: 'comment' | 'text';
  readonly text: string;
}

export type TreeNode = TreeElement | TreeText;

const MAX_CIB_CHARS = 32 * 1024 * 1024;
/** A CIB nests about ten deep. */
const MAX_DEPTH = 64;

/** A new element, which may be changed without a change to the attributes and the list given; the children are the very same. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string>> = {},
  children: readonly TreeNode[] = [],
): TreeElement {
  return { kind: 'element', name, attributes: { ...attributes }, children: [...children] };
}

/** A whole CIB as a tree, white space between elements left out. */
export function parseTree(tool: string, xml: string): Result<TreeElement> {
  if (xml.length > MAX_CIB_CHARS)
    return failure({ code: 'bad-answer', tool, detail: `more than ${MAX_CIB_CHARS} characters of XML` });
  try {
    const root = parseXml(xml, { preserveComments: true }).root;
    if (root === null) return failure({ code: 'bad-answer', tool, detail: 'no XML element' });
    return success(toTree(root, 0));
  } catch (cause) {
    const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : '';
    return failure({ code: 'bad-answer', tool, detail: `not well-formed XML: ${oneLine(message)}` });
  }
}

function toTree(from: XmlElement, depth: number): TreeElement {
  if (depth > MAX_DEPTH) throw new Error(`nested more than ${MAX_DEPTH} deep`);
  const children = from.children.flatMap((child): TreeNode[] => {
    if (child instanceof XmlElement) return [toTree(child, depth + 1)];
    if (child instanceof XmlComment) return [{ kind: 'comment', text: child.content }];
    if (child instanceof XmlText && child.text.trim() !== '') return [{ kind: 'text', text: child.text }];
    return [];
  });
  return element(from.name, from.attributes, children);
}

/** The tree as XML, indented by two. */
export function serializeTree(tree: TreeElement): string {
  return `${linesOf(tree, '').join('\n')}\n`;
}

function linesOf(node: TreeNode, indent: string): string[] {
  if (node.kind !== 'element')
    return [node.kind === 'comment' ? `${indent}<!--${node.text}-->` : escapeXml(node.text)];
  const attributes = Object.entries(node.attributes).map(
    ([name, value]) => ` ${name}="${escapeAttribute(value)}"`,
  );
  const tag = `${indent}<${node.name}${attributes.join('')}`;
  if (node.children.length === 0) return [`${tag}/>`];
  // White space beside a text would become a part of it.
  if (node.children.some((child) => child.kind === 'text')) {
    return [`${tag}>${node.children.flatMap((child) => linesOf(child, '')).join('')}</${node.name}>`];
  }
  const inner = node.children.flatMap((child) => linesOf(child, `${indent}  `));
  return [`${tag}>`, ...inner, `${indent}</${node.name}>`];
}

/** A line break in a value would be read back as a space. */
function escapeAttribute(value: string): string {
  return escapeXml(value).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;').replaceAll('\r', '&#13;');
}

/** The child elements, all or those of one name. */
export function elementsOf(parent: TreeElement, name?: string): TreeElement[] {
  return parent.children.filter(
    (child): child is TreeElement => child.kind === 'element' && (name === undefined || child.name === name),
  );
}

/** The first child element of this name, or null. */
export function firstOf(parent: TreeElement, name: string): TreeElement | null {
  return elementsOf(parent, name)[0] ?? null;
}

/** The first child element of this name; made at the end when it is not there. */
export function ensureFirst(parent: TreeElement, name: string): TreeElement {
  const found = firstOf(parent, name);
  if (found !== null) return found;
  const made = element(name);
  parent.children.push(made);
  return made;
}

/** Every element below, document order, each with its parent. */
export function* walkTree(parent: TreeElement): Generator<{ node: TreeElement; parent: TreeElement }> {
  for (const node of elementsOf(parent)) {
    yield { node, parent };
    yield* walkTree(node);
  }
}

/** Takes a child away; whether it was there. */
export function removeChild(parent: TreeElement, child: TreeNode): boolean {
  const at = parent.children.indexOf(child);
  if (at >= 0) parent.children.splice(at, 1);
  return at >= 0;
}
