import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import type { OcfParameter } from '../pacemaker/ocf-agent.ts';

/** Who is told of incidents; NovaEvacuate's parameters for it. */
export const NOTIFY_PARAMETERS: readonly OcfParameter[] = [
  {
    name: 'notify_webhook',
    type: 'string',
    // Its path is a password with many services.
    secret: true,
    shortdesc: 'URL that is told of each incident by a POST of JSON: opened, changed, released, closed',
    check: (value) => (URL.canParse(value) && /^https?:/.test(value) ? null : 'must be an http or https URL'),
  },
  {
    name: 'notify_webhook_secret_file',
    type: 'string',
    shortdesc:
      'File with the secret that the webhook is signed with (X-Instance-HA-Signature); readable by root alone',
    check: mustBePath,
  },
  {
    name: 'notify_command',
    type: 'string',
    shortdesc: 'Program that is run with each message as JSON on its standard input',
    check: mustBePath,
  },
  {
    name: 'notify_alerts',
    type: 'boolean',
    default: 'false',
    shortdesc: "Call the cluster's alert agents (pcs alert) for incidents too",
  },
];

function mustBePath(value: string): string | null {
  return /^\/\S+$/.test(value) ? null : 'must be an absolute path';
}

/**
 * What `validate-all` has to say of the files that these parameters name; null when they are all right. Not asked at
 * the start: nobody being told is no reason not to evacuate.
 */
export async function notifyProblem(parameters: Readonly<Record<string, string>>): Promise<string | null> {
  const { notify_command: command, notify_webhook_secret_file: secretFile } = parameters;
  if (command !== undefined && !(await isProgram(command)))
    return `notify_command ${command} is no program that can be run`;
  return secretFile === undefined ? null : secretProblem(secretFile);
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function secretProblem(path: string): Promise<string | null> {
  try {
    const [text, { mode }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    if (text.trim() !== '' && (mode & 0o077) === 0) return null;
    return `notify_webhook_secret_file ${path} must hold a secret and be readable by root alone: chmod 600 ${path}`;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    return `notify_webhook_secret_file ${path} cannot be read (${code})`;
  }
}
