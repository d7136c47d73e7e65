import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { processStart } from './evacuator/life.ts';
import type { ProcessName } from './nova-compute.ts';

const NAME = 'nova-compute';
/** How long the kernel may take to end a killed process, ms. */
export const KILL_LIMIT_MS = 5_000;
const POLL_MS = 100;

/** Whether a command line (arguments with NUL between them) is nova-compute's: itself, or an interpreter that runs it. */
export function isNovaCompute(cmdline: string): boolean {
  const [program = '', ...rest] = cmdline.split('\0');
  if (basename(program) === NAME) return true;
  if (!/^python[\d.]*$/.test(basename(program))) return false;
  const script = rest.find((argument) => !argument.startsWith('-'));
  return script !== undefined && basename(script) === NAME;
}

/** The nova-compute processes of this node; those in containers on it are not the agent's. */
export async function findNovaCompute(): Promise<readonly ProcessName[]> {
  const own = namespaceOf('self');
  const found: ProcessName[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || !isNovaCompute(commandLine(entry)) || namespaceOf(entry) !== own) continue;
    const start = await processStart(Number(entry));
    if (start !== null) found.push({ pid: Number(entry), start });
  }
  return found;
}

function namespaceOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Starts a program as another user, apart from the agent. By su, which gives it the user's groups (libvirt,
 * kvm) too; `uid` of spawn would take them away. Nothing of the agent's environment goes with it.
 */
export function launchAs(binary: string, user: string): Promise<void> {
  const child = spawn('su', ['-s', '/bin/sh', user, '-c', `exec ${binary}`], {
    cwd: '/',
    detached: true,
    stdio: 'ignore',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', LIBGUESTFS_ATTACH_METHOD: 'appliance' },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      child.unref();
      resolve();
    });
  });
}

/** Whether a process runs; by its start too, so that another one with its pid is not taken for it. */
export async function isRunning({ pid, start }: ProcessName): Promise<boolean> {
  return (await processStart(pid)) === start;
}

/** Signals a process if it is still the same one. */
export async function signalProcess(target: ProcessName, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (!(await isRunning(target))) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // It has ended meanwhile; whoever waits sees that.
  }
}

/** Ends one process: asks, waits `graceMs`, kills. False: it is there still. */
export async function endProcess(target: ProcessName, graceMs: number): Promise<boolean> {
  await signalProcess(target, 'SIGTERM');
  if (await isGone(target, graceMs)) return true;
  await signalProcess(target, 'SIGKILL');
  return isGone(target, KILL_LIMIT_MS);
}

async function isGone(target: ProcessName, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (await isRunning(target)) {
    if (performance.now() >= deadline) return false;
    await pause(POLL_MS);
  }
  return true;
}
