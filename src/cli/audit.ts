import { appendFile, mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { onThisMachine } from '../doctor/root.ts';

/** Who did what by hand: one JSON line each, for root only. */
const AUDIT_FILE = '/var/log/instance-ha/audit.log';

export interface AuditEntry {
  readonly command: string;
  readonly node: string;
  readonly reason: string;
}

export type Audit = (entry: AuditEntry, now: number) => Promise<void>;

/** Written before the act: one that can't be written is not done. */
export const audit: Audit = async (entry, now) => {
  const file = onThisMachine(AUDIT_FILE);
  await mkdir(dirname(file), { recursive: true, mode: 0o750 });
  const line = { time: new Date(now).toISOString(), by: operator(), ...entry };
  await appendFile(file, `${JSON.stringify(line)}\n`, { mode: 0o600 });
};

/** The person behind sudo, where there is one. */
export function operator(): string {
  return process.env.SUDO_USER || userInfo().username;
}
