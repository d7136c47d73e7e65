import { createHmac } from 'node:crypto';
import type { Secret } from '../openstack/secret.ts';
import { createTransport } from '../openstack/transport.ts';
import type { Message } from './message.ts';
import type { Delivery, Target } from './outbox.ts';

const REQUEST_LIMIT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** Statuses that say nothing about the message itself. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

/** The value of `X-Instance-HA-Signature`: HMAC-SHA256 over `TIMESTAMP.BODY`, so that an old message can't be sent again. */
export function signature(secret: Secret, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret.reveal()).update(`${timestamp}.${body}`).digest('hex')}`;
}

/** A URL that messages are posted to as JSON, signed where there is a secret. Redirects are not followed. */
export function createWebhook(url: string, secret: Secret | null, now: () => number): Target {
  const transport = createTransport({
    tls: {},
    insecure: false,
    limits: { connectTimeoutMs: 5_000, maxBodyBytes: MAX_ANSWER_BYTES, maxConnectionsPerOrigin: 2 },
  });
  return {
    name: `webhook ${new URL(url).origin}`,
    async deliver(message) {
      const body = JSON.stringify(message);
      const timestamp = String(Math.floor(now() / 1000));
      const answer = await transport.send({
        method: 'POST',
        url,
        headers: {
          'content-type': 'application/json',
          'x-instance-ha-timestamp': timestamp,
          // A message that arrives twice, because its answer was lost, carries the same one.
          'x-instance-ha-delivery': deliveryId(message),
          ...(secret === null ? {} : { 'x-instance-ha-signature': signature(secret, timestamp, body) }),
        },
        body,
        timeoutMs: REQUEST_LIMIT_MS,
      });
      if (!answer.ok) return { state: 'failed', reason: reasonOf(answer.error) };
      return byStatus(answer.value.status);
    },
  };
}

function deliveryId({ incident, kind, phase, at }: Message): string {
  return `${incident}-${kind}-${phase}-${Date.parse(at)}`;
}

function byStatus(status: number): Delivery {
  if (status >= 200 && status < 300) return { state: 'delivered' };
  const reason = `it answered ${status}`;
  return status < 500 && !PASSING.has(status) ? { state: 'refused', reason } : { state: 'failed', reason };
}

function reasonOf(error: { readonly kind: string; readonly detail?: string }): string {
  return error.detail === undefined ? error.kind : `${error.kind} (${error.detail})`;
}
