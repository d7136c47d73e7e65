/** What the product itself said of an instance. Pure. */
import type { Facts } from './facts.ts';

/** What the product said last of a server since the power loss; null: nothing. */
export function reasonFor(facts: Facts, server: string): string | null {
  const lines = facts.productLines.filter((line) => line.server === server && line.at >= facts.plan.t0);
  const line = lines.at(-1);
  if (line) return line.text;
  for (const text of facts.statusTexts) {
    const reason = reasonInStatus(text, server);
    if (reason !== null) return reason;
  }
  return null;
}

/** The text beside a server's id, wherever in the status it stands. */
function reasonInStatus(text: string, server: string): string | null {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return null;
  }
  const visit = (value: unknown): string | null => {
    if (typeof value !== 'object' || value === null) return null;
    const record = value as Record<string, unknown>;
    if (record.id === server || record.server === server) {
      const found = [record.text, record.reason, record.msg].find(
        (part) => typeof part === 'string' && part !== '',
      );
      if (typeof found === 'string') return found;
    }
    for (const part of Object.values(record)) {
      const found = visit(part);
      if (found !== null) return found;
    }
    return null;
  };
  return visit(root);
}
