import { access, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { RunTool } from '../pacemaker/tool.ts';
import type { LocalFacts, LogTail } from './facts.ts';
import { onThisMachine } from './root.ts';

/** This machine's files, as far as doctor reads them. */
export interface LocalPort {
  readonly node: string;
  readonly version: string;
  exists(path: string): Promise<boolean>;
  /** The newest lines of a file; null when there is none, or it can't be read. */
  tail(path: string): Promise<readonly string[] | null>;
  clockSynchronised(): Promise<boolean | null>;
}

/** What belongs on every node: the fencer and the probes ask for metadata anywhere. */
export const AGENTS = [
  '/usr/sbin/fence_compute',
  '/usr/lib/ocf/resource.d/openstack/NovaEvacuate',
  '/usr/lib/ocf/resource.d/openstack/nova-compute-wait',
  '/usr/lib/instance-ha/evacuator',
];
const LOGS = [
  '/var/log/pacemaker/pacemaker.log',
  '/var/log/cluster/corosync.log',
  '/var/log/corosync/corosync.log',
  '/var/log/instance-ha/evacuator.log',
  '/var/log/nova/nova-api.log',
  '/var/log/nova/nova-conductor.log',
  '/var/log/nova/nova-scheduler.log',
  '/var/log/containers/nova/nova-api.log',
  '/var/log/containers/nova/nova-conductor.log',
  '/var/log/kolla/nova/nova-api.log',
  '/var/log/kolla/nova/nova-conductor.log',
];
/** nova.conf of a compute, wherever the deployment puts it. */
export const NOVA_CONFS = [
  '/etc/nova/nova.conf',
  '/var/lib/config-data/puppet-generated/nova_libvirt/etc/nova/nova.conf',
  '/etc/kolla/nova-compute/nova.conf',
];
/** So much of a log is looked at, bytes. */
const TAIL_BYTES = 256 * 1024;

/** What doctor asks of this machine. It never fails: a log that can't be read is left out; nova.conf: the first that can be, or null. */
export async function gatherLocal(port: LocalPort): Promise<LocalFacts> {
  const files = await Promise.all(AGENTS.map(async (path) => [path, await port.exists(path)] as const));
  const logs = await Promise.all(LOGS.map((path) => tailOf(port, path)));
  const confs = await Promise.all(NOVA_CONFS.map((path) => tailOf(port, path)));
  return {
    node: port.node,
    version: port.version,
    files: new Map(files),
    logs: logs.filter((log) => log !== null),
    novaConf: confs.find((conf) => conf !== null) ?? null,
    clockSynchronised: await port.clockSynchronised(),
  };
}

async function tailOf(port: LocalPort, path: string): Promise<LogTail | null> {
  const lines = await port.tail(path);
  return lines === null ? null : { path, lines };
}

/** This machine as it is, below `INSTANCE_HA_ROOT`. timedatectl has 5 s; null when it is not there, fails, or says something else. */
export function localPort(run: RunTool, version: string): LocalPort {
  return {
    node: hostname(),
    version,
    exists: (path) =>
      access(onThisMachine(path)).then(
        () => true,
        () => false,
      ),
    tail: readTail,
    async clockSynchronised() {
      const output = await run('timedatectl', ['show', '--property=NTPSynchronized', '--value'], {
        timeoutMs: 5_000,
      });
      if (!output.ok || output.value.exitCode !== 0) return null;
      const word = output.value.stdout.trim();
      return word === 'yes' ? true : word === 'no' ? false : null;
    },
  };
}

async function readTail(path: string): Promise<readonly string[] | null> {
  try {
    const file = await open(onThisMachine(path), 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, TAIL_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
      // The first one may be cut.
      return (size > length ? lines.slice(1) : lines).filter((line) => line !== '');
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}
