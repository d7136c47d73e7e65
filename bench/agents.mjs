// node bench/agents.mjs [--runs N] [--json]
//
// What a call of an agent costs in CPU (user and system, with everything it starts), beside what it is compared
// with, round by round in one run so that a busy machine hits all of them alike. Wants a build: npm run build.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { runs: { type: 'string', default: '40' }, json: { type: 'boolean', default: false } },
});
const rounds = Number(options.runs);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--runs must be a whole number of 1 or more');
const layer = resolve('dist/layer');
if (!existsSync(layer)) throw new Error('dist/layer is not there: npm run build');

/** At most so much, as the project promises: ms, or times `node -e 0`. */
const MONITOR_LIMIT_MS = 5;
const START_LIMIT_FACTOR = 3.5;
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

const state = mkdtempSync(join(tmpdir(), 'bench-agents-'));
const ocf = join(layer, 'usr/lib/ocf/resource.d/openstack');
const cib =
  '<cib have-quorum="1" dc-uuid="1"><configuration><crm_config/><nodes><node id="1" uname="controller-1"/><node id="c" uname="compute-1" type="remote"/></nodes><resources/><constraints/></configuration><status/></cib>';
const env = (instance) => ({
  PATH: `${join(state, 'bin')}:${process.env.PATH}`,
  HA_RSCTMP: state,
  OCF_ROOT: '/usr/lib/ocf',
  OCF_RESOURCE_INSTANCE: instance,
  OCF_RESKEY_CRM_meta_interval: '10000',
  OCF_RESKEY_CRM_meta_on_node: 'compute-1',
});

/** Pacemaker's tools cost the same for every agent; here they are one-line shims. */
function stage() {
  mkdirSync(join(state, 'bin'));
  for (const [name, body] of [
    ['cibadmin', `echo '${cib}'`],
    ['attrd_updater', 'exit 78'],
  ]) {
    writeFileSync(join(state, 'bin', name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  const stat = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[19];
  mkdirSync(join(state, 'instance-ha-nova-evacuate'));
  const up = Math.floor(Number.parseFloat(readFileSync('/proc/uptime', 'utf8')));
  // This process plays the evacuator; its sign of life lasts as long as monitor allows.
  writeFileSync(join(state, 'instance-ha-nova-evacuate/life'), `${process.pid} ${stat(process.pid)} ${up}\n`);
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  writeFileSync(join(state, 'nova-compute-wait-wait:0.state'), `${boot}-${stat(1)}\n`);
}

const shellFunctions = '. /usr/lib/ocf/lib/heartbeat/ocf-shellfuncs; exit 0';
const cases = [
  { name: 'node -e 0', command: ['node', '-e', '0'], role: 'measure' },
  { name: 'dash -c :', command: ['dash', '-c', ':'], role: 'beside' },
  {
    name: 'bash + ocf-shellfuncs',
    command: ['bash', '-c', shellFunctions],
    role: 'beside',
    needs: '/usr/lib/ocf/lib/heartbeat/ocf-shellfuncs',
  },
  {
    name: 'python3 -c "import novaclient.client"',
    command: ['/usr/bin/python3', '-c', 'import novaclient.client'],
    role: 'beside',
    needs: '/usr/lib/python3/dist-packages/novaclient',
  },
  {
    name: 'NovaEvacuate monitor (healthy)',
    command: [join(ocf, 'NovaEvacuate'), 'monitor'],
    instance: 'nova-evacuate',
    role: 'monitor',
  },
  {
    name: 'nova-compute-wait monitor (released)',
    command: [join(ocf, 'nova-compute-wait'), 'monitor'],
    instance: 'wait:0',
    role: 'monitor',
  },
  {
    name: 'NovaEvacuate monitor (stopped)',
    command: [join(ocf, 'NovaEvacuate'), 'monitor'],
    instance: 'other',
    role: 'start',
    exit: 7,
  },
  {
    name: 'nova-compute-wait monitor (held)',
    command: [join(ocf, 'nova-compute-wait'), 'monitor'],
    instance: 'other',
    role: 'start',
    exit: 7,
  },
  {
    name: 'nova-compute-wait stop',
    command: [join(ocf, 'nova-compute-wait'), 'stop'],
    instance: 'other',
    role: 'start',
  },
  { name: 'NovaEvacuate meta-data', command: [join(ocf, 'NovaEvacuate'), 'meta-data'], role: 'start' },
  { name: 'NovaCompute monitor', command: [join(ocf, 'NovaCompute'), 'monitor'], role: 'start', exit: 7 },
  {
    name: 'fence_compute metadata',
    command: [join(layer, 'usr/sbin/fence_compute')],
    input: 'action=metadata\n',
    role: 'start',
  },
  {
    name: 'fence_compute monitor',
    command: [join(layer, 'usr/sbin/fence_compute')],
    input: 'action=monitor\n',
    role: 'start',
  },
  {
    name: 'fence_compute on',
    command: [join(layer, 'usr/sbin/fence_compute')],
    input: 'action=on\nplug=compute-1\n',
    role: 'start',
  },
  {
    name: 'fence_evacuate status',
    command: [join(layer, 'usr/sbin/fence_evacuate')],
    input: 'action=status\nplug=compute-1\n',
    role: 'start',
  },
].filter(({ needs }) => needs === undefined || existsSync(needs));

/** CPU of all children that have ended, ms (proc(5): cutime and cstime). */
function childrenMs() {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ');
  return ((Number(fields[13]) + Number(fields[14])) * 1000) / TICKS_PER_SECOND;
}

/** A tick of the accounting is 10 ms: each measurement is of several calls. */
const CALLS = 5;

function measure({ name, command: [program, ...args], input = '', instance = 'x', exit = 0 }) {
  const before = childrenMs();
  for (let call = 0; call < CALLS; call++) {
    const ended = spawnSync(program, args, { env: env(instance), input, encoding: 'utf8' });
    if (ended.status !== exit) throw new Error(`${name} ended with ${ended.status}: ${ended.stderr}`);
  }
  return (childrenMs() - before) / CALLS;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

stage();
try {
  const samples = new Map(cases.map(({ name }) => [name, []]));
  for (let round = 0; round < Math.ceil(rounds / CALLS); round++) {
    const up = Math.floor(Number.parseFloat(readFileSync('/proc/uptime', 'utf8')));
    const life = join(state, 'instance-ha-nova-evacuate/life');
    writeFileSync(life, readFileSync(life, 'utf8').replace(/\d+\n$/, `${up}\n`));
    for (const one of cases) samples.get(one.name).push(measure(one));
  }
  const node = mean(samples.get('node -e 0'));
  const rows = cases.map(({ name, role }) => {
    const ms = mean(samples.get(name));
    const times = ms / node;
    const isKept =
      role === 'monitor' ? ms <= MONITOR_LIMIT_MS : role === 'start' ? times <= START_LIMIT_FACTOR : null;
    return { name, ms, medianMs: median(samples.get(name)), times, isKept };
  });
  if (options.json) console.log(JSON.stringify({ rounds, rows }, null, 2));
  else print(rows);
  process.exitCode = rows.every(({ isKept }) => isKept !== false) ? 0 : 1;
} finally {
  rmSync(state, { recursive: true, force: true });
}

function print(rows) {
  console.log(`CPU of one call, ${rounds} calls each, ${process.version}\n`);
  console.log('| call | ms | × node -e 0 | |\n| --- | ---: | ---: | --- |');
  for (const { name, ms, times, isKept } of rows) {
    const verdict = isKept === null ? '' : isKept ? 'ok' : 'too much';
    console.log(`| ${name} | ${ms.toFixed(1)} | ${times.toFixed(2)} | ${verdict} |`);
  }
  console.log(
    `\nPromised: a healthy monitor at most ${MONITOR_LIMIT_MS} ms, everything else at most ${START_LIMIT_FACTOR} × node -e 0.`,
  );
}
