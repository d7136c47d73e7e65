import type { IncomingMessage } from 'node:http';
import * as v from 'valibot';
import type { Result } from '../core/result.ts';
import type { LabAction, LabDescription } from '../view/lab.ts';
import { json, type Reply, type Route } from './server.ts';

/** An action is a few words, bytes. */
const MAX_ACTION_BYTES = 4 * 1024;
/** More spawns than this are not made to fail at once. */
const MAX_FAILING_SPAWNS = 1_000;

const NameSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/));
const ActionSchema = v.variant('kind', [
  v.object({ kind: v.picklist(['pull-plug', 'crash', 'cut-network']), host: NameSchema }),
  v.object({ kind: v.literal('kill-controller'), controller: NameSchema }),
  v.object({
    kind: v.literal('fail-spawns'),
    count: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_FAILING_SPAWNS)),
  }),
  v.object({ kind: v.picklist(['stop-nova', 'start-nova']) }),
]);

/** The lab, as these routes reach it. */
export interface LabPort {
  describe(): LabDescription;
  act(action: LabAction): Promise<Result<string, string>>;
}

/**
 * The lab's own routes; they stand before the evacuator's. A form of another site can send no JSON type without
 * asking first, and asking is not answered; so only the lab's own page can break something.
 */
export function labRoutes(lab: LabPort): readonly Route[] {
  return [
    { method: 'GET', path: '/api/lab', answer: () => json({ lab: lab.describe() }) },
    {
      method: 'POST',
      path: '/api/lab/actions',
      answer: async ({ incoming }): Promise<Reply> => {
        if (!incoming.headers['content-type']?.startsWith('application/json'))
          return json({ error: 'an action is JSON' }, 415);
        const action = await readAction(incoming);
        if (action === null) return json({ error: 'this is no action of the lab' }, 400);
        const done = await lab.act(action);
        return done.ok ? json({ done: done.value }) : json({ error: done.error }, 409);
      },
    },
  ];
}

async function readAction(incoming: IncomingMessage): Promise<LabAction | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > MAX_ACTION_BYTES) return null;
    chunks.push(chunk as Buffer);
  }
  try {
    const parsed = v.safeParse(ActionSchema, JSON.parse(Buffer.concat(chunks).toString('utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
