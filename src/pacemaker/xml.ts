import { parseXml, XmlElement } from '@rgrove/parse-xml';
import { failure, oneLine, type Result, success } from './errors.ts';

/** Parses what a tool printed; anything but one well-formed document within the bound is an error value. */
export function parseDocument(tool: string, text: string, limitChars: number): Result<XmlElement> {
  if (text.length > limitChars) {
    return failure({ code: 'bad-answer', tool, detail: `more than ${limitChars} characters of XML` });
  }
  try {
    const root = parseXml(text).root;
    if (root !== null) return success(root);
    return failure({ code: 'bad-answer', tool, detail: 'no XML element' });
  } catch (cause) {
    // The parser's message quotes the text over several lines; its first line says what is wrong.
    const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : '';
    return failure({ code: 'bad-answer', tool, detail: `not well-formed XML: ${oneLine(message)}` });
  }
}

/** The child elements, all or those of one name. */
export function childrenOf(element: XmlElement, name?: string): XmlElement[] {
  return element.children.filter(
    (child): child is XmlElement =>
      child instanceof XmlElement && (name === undefined || child.name === name),
  );
}

/** All elements of a name below, in document order. Without recursion: the depth comes from outside. */
export function descendantsOf(element: XmlElement, name: string): XmlElement[] {
  const found: XmlElement[] = [];
  const open = childrenOf(element).reverse();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.name === name) found.push(next);
    open.push(...childrenOf(next).reverse());
  }
  return found;
}

/** An attribute, or null when it is not there. */
export function attributeOf(element: XmlElement, name: string): string | null {
  return Object.hasOwn(element.attributes, name) ? (element.attributes[name] ?? null) : null;
}

/**
 * The root of an `--output-as=xml` answer that ended well. `<status>` comes last (Pacemaker
 * lib/common/output_xml.c `xml_finish`), so an answer without it was cut off.
 */
export function parsePacemakerResult(tool: string, text: string, limitChars: number): Result<XmlElement> {
  const root = parseDocument(tool, text, limitChars);
  if (!root.ok) return root;
  if (root.value.name !== 'pacemaker-result') {
    return failure({
      code: 'bad-answer',
      tool,
      detail: `<${root.value.name}> instead of <pacemaker-result>`,
    });
  }
  const status = childrenOf(root.value, 'status')[0];
  const code = status === undefined ? null : attributeOf(status, 'code');
  if (code === '0') return root;
  return failure({ code: 'bad-answer', tool, detail: code === null ? 'no <status>' : `status code ${code}` });
}

/** Pacemaker's own reading of a boolean (lib/common/strings.c `crm_str_to_boolean`), or null. */
export function parseBoolean(text: string | null): boolean | null {
  const word = text?.toLowerCase() ?? '';
  if (['true', 'on', 'yes', 'y', '1'].includes(word)) return true;
  if (['false', 'off', 'no', 'n', '0'].includes(word)) return false;
  return null;
}

/** Text as it may stand between tags or in a quoted attribute. */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;');
}
