import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, expect, it, vi } from 'vitest';
import { processStart } from './evacuator/life.ts';
import { endProcess } from './processes.ts';

const children: ChildProcess[] = [];

afterEach(() => {
  vi.restoreAllMocks();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function begin(script: string): Promise<{ readonly pid: number; readonly start: string }> {
  const child = spawn('sh', ['-c', `${script}; echo; exec sleep 60`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const pid = child.pid ?? -1;
  return { pid, start: (await processStart(pid)) ?? '' };
}

it('asks a process to end, and kills one that does not heed', async () => {
  expect(await endProcess(await begin(':'), 10_000)).toBe(true);
  const deaf = await begin("trap '' TERM");
  expect(await endProcess(deaf, 200)).toBe(true);
  expect(await processStart(deaf.pid)).toBeNull();
});

it('takes one that ends between the look and the signal for ended', async () => {
  const target = await begin(':');
  const { kill } = process;
  vi.spyOn(process, 'kill').mockImplementation((pid) => {
    kill(pid, 'SIGKILL');
    throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
  });
  expect(await endProcess(target, 10_000)).toBe(true);
});
