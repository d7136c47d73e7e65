/** The front before nova-api, as a child process of the drill: it ends with it. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { FrontEvent } from './events.ts';
import { parseFrontLine, splitLines } from './parse.ts';
import type { Rig } from './rig.ts';
import { DrillError, sleep } from './run.ts';

const READY_TIMEOUT_MS = 10_000;
const END_GRACE_MS = 2_000;

export interface Front {
  /** A command as front.py takes it. */
  tell(command: string): void;
  /** nova-api is reached directly again. */
  close(): Promise<void>;
}

/** Puts the front before nova-api for the controllers; gives each thing that it does to `onEvent`. */
export async function openFront(rig: Rig, onEvent: (event: FrontEvent) => void): Promise<Front> {
  const controllers = [...rig.addresses].filter(([, node]) => rig.controllers.includes(node));
  const child: ChildProcessWithoutNullStreams = spawn(
    '/usr/bin/python3',
    [
      join(rig.dir, 'cloud/front.py'),
      rig.novaApi.address,
      String(rig.novaApi.port),
      controllers.map(([address]) => address).join(','),
    ],
    { detached: true },
  );
  let rest = '';
  let complaint = '';
  let ready = false;
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  child.on('error', (error) => {
    complaint += error.message;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint += chunk;
  });
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const split = splitLines(rest, chunk);
    rest = split.rest;
    for (const event of split.lines.map(parseFrontLine)) {
      if (event === null) continue;
      if (event.what === 'ready') ready = true;
      else onEvent(event);
    }
  });
  // A front that has died takes no commands: what it should have done is missing in the end, and the checks say so.
  child.stdin.on('error', () => {});
  const close = async (): Promise<void> => {
    child.stdin.end();
    await Promise.race([ended, sleep(END_GRACE_MS)]);
    child.kill('SIGKILL');
  };
  for (let waited = 0; !ready; waited += 100) {
    if (child.exitCode !== null || waited >= READY_TIMEOUT_MS) {
      await close();
      throw new DrillError(
        `the front before nova-api did not start: ${complaint.trim() || 'no reason given'}`,
      );
    }
    await sleep(100);
  }
  return { tell: (command) => child.stdin.write(`${command}\n`), close };
}
