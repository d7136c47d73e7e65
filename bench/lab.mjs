#!/usr/bin/env node
// node bench/lab.mjs [--hosts N] [--instances N]
//
// What the lab takes: seconds from its start to the evacuator's first tick, by the clock and of CPU, because the machine
// may be busy with other things; memory of the model and of the evacuator; bytes of the page. Wants a build: npm run build.

import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const EVACUATOR = join(ROOT, 'dist/layer/usr/lib/instance-ha/evacuator');
const BEGIN_LIMIT_MS = 120_000;
const SETTLE_MS = 5_000;
const TICKS_PER_S = 100;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The evacuators of this build. */
const evacuators = () =>
  readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(EVACUATOR);
    } catch {
      return false;
    }
  });

const memoryMiB = (pid) =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);

function cpuS(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

async function pageWeight(url) {
  const html = Buffer.from(await (await fetch(url)).arrayBuffer());
  const names = [...html.toString().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name);
  const rest = names.map(async (name) => Buffer.from(await (await fetch(new URL(name, url))).arrayBuffer()));
  const bodies = [html, ...(await Promise.all(rest))];
  return bodies.reduce((sum, body) => sum + gzipSync(body).length, 0);
}

async function measure({ hosts, instances }) {
  const before = new Set(evacuators());
  const begun = performance.now();
  const args = [join(ROOT, 'dist/lab/demo.cjs'), '--port', '0', '--hosts', hosts, '--instances', instances];
  const lab = spawn(process.execPath, args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const url = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the evacuator does not begin')), BEGIN_LIMIT_MS);
      lab.once('exit', () => reject(new Error('the lab ended')));
      lab.stdout.setEncoding('utf8').on('data', (text) => {
        const found = /http:\S+/.exec(text)?.[0];
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(found);
      });
    });
    const startS = (performance.now() - begun) / 1000;
    const startCpuS = cpuS(lab.pid);
    await pause(SETTLE_MS);
    const evacuator = evacuators().find((pid) => !before.has(pid));
    return {
      hosts: Number(hosts),
      instances: Number(instances),
      startS: Number(startS.toFixed(1)),
      startCpuS: Number(startCpuS.toFixed(1)),
      labMiB: memoryMiB(lab.pid),
      evacuatorMiB: evacuator === undefined ? null : memoryMiB(evacuator),
      pageGzipBytes: await pageWeight(url),
    };
  } finally {
    lab.removeAllListeners('exit');
    const ended = new Promise((resolve) => lab.once('exit', resolve));
    lab.kill('SIGINT');
    await ended;
  }
}

const { values } = parseArgs({
  options: { hosts: { type: 'string', default: '6' }, instances: { type: 'string', default: '24' } },
});
console.log(JSON.stringify(await measure(values)));
