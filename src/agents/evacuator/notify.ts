import { setTimeout as pause } from 'node:timers/promises';
import { alertUser, createAlerts } from '../../notify/alerts.ts';
import { createCommand } from '../../notify/command.ts';
import { type Message, messageOfReport, messagesOfTick, type Told } from '../../notify/message.ts';
import { createOutbox, type Target } from '../../notify/outbox.ts';
import { createWebhook } from '../../notify/webhook.ts';
import { type ReadSecretFile, readSecretFile } from '../../openstack/credentials.ts';
import { Secret } from '../../openstack/secret.ts';
import { readAlerts } from '../../pacemaker/alerts.ts';
import { parseBoolean } from '../../pacemaker/xml.ts';
import type { Journal } from './journal.ts';

/** How long a clean stop waits for messages that are on their way, ms. */
const DRAIN_LIMIT_MS = 5_000;

export interface Notifier {
  /** The same journal, and what goes through it is told. */
  watch(journal: Journal): Journal;
  end(): Promise<void>;
}

/** Who is to be told, by the parameters of NovaEvacuate. What is wrong with them is said, and costs no evacuation. */
export async function notifierOf(
  parameters: Readonly<Record<string, string>>,
  readFile: ReadSecretFile = readSecretFile,
): Promise<Notifier> {
  const problems: string[] = [];
  const targets = await targetsOf(parameters, readFile, problems);
  let boxes: ReturnType<typeof createOutbox>[] = [];
  const tell = (message: Message): void => {
    for (const box of boxes) box.put(message);
  };
  return {
    watch(journal) {
      const log = (level: 'warn' | 'error', line: string): void =>
        journal.event({ level, msg: `notification: ${line}` });
      for (const problem of problems) log('error', problem);
      const sleep = async (ms: number): Promise<void> => {
        await pause(ms, undefined, { ref: false });
      };
      boxes = targets.map((target) => createOutbox(target, log, sleep));
      let told: Told = new Map();
      return {
        ...journal,
        tick(report) {
          journal.tick(report);
          const news = messagesOfTick(told, report);
          told = news.told;
          for (const message of news.messages) tell(message);
        },
        report(report) {
          journal.report(report);
          tell(messageOfReport(report, Date.now()));
        },
      };
    },
    async end() {
      await Promise.all(boxes.map((box) => box.drain(DRAIN_LIMIT_MS)));
    },
  };
}

async function targetsOf(
  parameters: Readonly<Record<string, string>>,
  readFile: ReadSecretFile,
  problems: string[],
): Promise<readonly Target[]> {
  const { notify_webhook: webhook, notify_command: command } = parameters;
  const targets: Target[] = [];
  if (webhook !== undefined) {
    const secret = await secretOf(parameters.notify_webhook_secret_file, readFile, problems);
    // A message that should be signed and is not would be taken for a forged one, or worse, be trusted.
    if (secret !== 'unusable') targets.push(createWebhook(webhook, secret, Date.now));
  }
  if (command !== undefined) targets.push(createCommand(command));
  if (parseBoolean(parameters.notify_alerts ?? null) === true) {
    targets.push(createAlerts({ read: readAlerts, user: alertUser() }));
  }
  return targets;
}

async function secretOf(
  path: string | undefined,
  readFile: ReadSecretFile,
  problems: string[],
): Promise<Secret | null | 'unusable'> {
  if (path === undefined) return null;
  try {
    const { text, mode } = await readFile(path);
    if ((mode & 0o077) === 0 && text.trim() !== '') return new Secret(text.trim());
    problems.push(
      `notify_webhook_secret_file ${path} must hold a secret and be readable by root alone: chmod 600 ${path}`,
    );
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    problems.push(`notify_webhook_secret_file ${path} cannot be read (${code}); the webhook is not called`);
  }
  return 'unusable';
}
