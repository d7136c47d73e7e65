import { inspect } from 'node:util';

const MASK = '***';

/**
 * A password or token. Every way of printing it gives `***`; only `reveal()` gives the text, and that is
 * called where a request body or header is built, nowhere else. A class, because a private field is what
 * keeps the text out of JSON, util.inspect, object spread and structuredClone.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/**
 * Replaces every occurrence of the secrets in a text that came from outside (a server may echo what it was
 * sent), in plain, JSON-escaped and URL-encoded form.
 */
export function scrub(text: string, secrets: readonly Secret[]): string {
  let clean = text;
  for (const secret of secrets) {
    for (const form of formsOf(secret.reveal())) {
      clean = clean.replaceAll(form, MASK);
    }
  }
  return clean;
}

function formsOf(text: string): string[] {
  if (text === '') return [];
  const jsonEscaped = JSON.stringify(text).slice(1, -1);
  const urlEncoded = new URLSearchParams([['', text]]).toString().slice(1);
  return [text, jsonEscaped, urlEncoded, urlEncoded.replaceAll('+', '%20')];
}
