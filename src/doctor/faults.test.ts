import { describe, expect, it } from 'vitest';
import { known, unknown } from '../core/observation.ts';
import { disabledReason, formatIncident, formatPause } from '../core/records.ts';
import type { CloudError } from '../openstack/errors.ts';
import { type Evacuation, toEvacuation } from '../openstack/nova-schemas.ts';
import type { HostUsage } from '../openstack/usage.ts';
import { CHECKS, runChecks, worstOf } from './checks.ts';
import type { CloudFacts, Facts, NodeFacts } from './facts.ts';
import type { Severity } from './finding.ts';
import { configurationOf, healthyFacts, NOW, serverOf, serviceOf, usageOf } from './testing.ts';

const AT = { certainty: 'definite', effect: 'none' } as const;
const PASSING = { certainty: 'passing', effect: 'none' } as const;
const WHERE = { service: 'identity', method: 'POST', url: 'http://k:5000/v3/auth/tokens' };
const refused = (error: CloudError): Partial<Facts> => ({
  login: known({ state: 'refused', error }),
  cloud: unknown('the credentials do not work'),
  usage: unknown('the credentials do not work'),
});
const cib = (from: string | RegExp, to: string): Partial<Facts> => ({
  configuration: known(
    configurationOf((xml) => {
      const next = xml.replace(from, to);
      if (next === xml) throw new Error(`not in the CIB: ${from}`);
      return next;
    }),
  ),
});
/** compute-0 is compute-0.example.org now, for Nova too; the <node> of its old name has stayed. */
const renamed = (): Partial<Facts> => ({
  ...cloudIs({ services: [serviceOf('compute-0.example.org'), serviceOf('compute-1')] }),
  ...cib(
    /<nodes>([\s\S]*)<nvpair id="nova-evacuate-ia-rc_file"/,
    '<nodes><node id="n" type="remote" uname="compute-0.example.org"/>$1<nvpair id="d" name="domain" value="example.org"/><nvpair id="nova-evacuate-ia-rc_file"',
  ),
});
const cloudIs = (changes: Partial<CloudFacts>): Partial<Facts> => {
  const { cloud } = healthyFacts();
  if (!cloud.known) throw new Error('no cloud');
  return { cloud: known({ ...cloud.value, ...changes }) };
};
const statusIs = (
  change: (status: Extract<Facts['status'], { known: true }>['value']) => object,
): Partial<Facts> => {
  const { status } = healthyFacts();
  if (!status.known) throw new Error('no status');
  return { status: known({ ...status.value, ...change(status.value) }) };
};
const logs = (line: string): Partial<Facts> => ({
  local: {
    ...healthyFacts().local,
    logs: [{ path: '/var/log/pacemaker/pacemaker.log', lines: ['quiet', line] }],
  },
});
const localIs = (changes: Partial<Facts['local']>): Partial<Facts> => ({
  local: { ...healthyFacts().local, ...changes },
});
const bySsh = (changes: Partial<NodeFacts>): Partial<Facts> => ({
  nodes: new Map([
    ['compute-0', known({ version: '1.0.0', missing: [], novaConf: null, instancesOn: 'nfs', ...changes })],
  ]),
});
const conf = (...lines: string[]): Partial<Facts> =>
  bySsh({ novaConf: { path: '/etc/nova/nova.conf', lines } });
const onNode = (name: string, value: string): Partial<Facts> =>
  cib('<nvpair id="nodes-compute-0-osprole"', `<nvpair id="x" name="${name}" value="${value}"/>$&`);
const withLevel = (level: string): Partial<Facts> =>
  cib('</fencing-topology>', `<fencing-level id="another" ${level}/></fencing-topology>`);
const INCIDENT = `<nvpair id="i" name="instance-ha-incident" value="${formatIncident({ id: 'abc', at: NOW, by: 'fencer', on: 'controller-0' })}"/>`;
const RELEASED =
  '<nvpair id="r" name="instance-ha-evacuation" value="v=1,incident=abc,phase=returning,fenced=2026-11-25T04:00:00.000Z,since=2026-11-25T04:00:00.000Z,status=enabled,forced=no,owner=o,clean=no,released=2026-11-25T02:00:00.000Z,stopped=,lost="/>';
/** With what the node has in records beside that. */
const takenOut = (records: string): Partial<Facts> => ({
  configuration: known(
    configurationOf((xml) =>
      xml
        .replace('<nvpair id="nodes-compute-0-osprole"', `${records}$&`)
        .replace(
          /(<primitive id="compute-0"[^>]*>)/,
          '$1<meta_attributes id="m"><nvpair id="t" name="target-role" value="Stopped"/></meta_attributes>',
        ),
    ),
  ),
});
const power = (detail: string): Partial<Facts> => ({
  power: [
    { device: 'ipmilan-compute-0', agent: 'fence_ipmilan', node: 'compute-0', state: 'failed', detail },
  ],
});
const failure = (code: number, words: string): Partial<Facts> =>
  statusIs(() => ({
    failures: [
      { resource: 'nova-compute-checkevacuate:1', task: 'start', node: 'compute-1', code, words, reason: '' },
    ],
  }));
const record = (status: string): Evacuation =>
  toEvacuation({
    id: 1,
    uuid: '00000000-0000-4000-8000-000000000001',
    instance_uuid: '99999999-9999-4999-8999-999999999999',
    source_compute: 'compute-0',
    dest_compute: 'compute-1',
    status,
    migration_type: 'evacuation',
    old_instance_type_id: null,
    new_instance_type_id: null,
    created_at: NOW,
    updated_at: NOW,
  });

/** A fault, the check that has to find it, how bad it is, and what has to be said. */
const FAULTS: readonly (readonly [string, Partial<Facts>, string, Severity, RegExp])[] = [
  [
    'wrong password',
    refused({ ...AT, code: 'auth-refused', url: WHERE.url, login: 'admin', message: '' }),
    'credentials',
    'fault',
    /refused the login of admin.*password/,
  ],
  [
    'no role',
    refused({ ...AT, ...WHERE, code: 'auth-forbidden', login: 'admin', message: '' }),
    'credentials',
    'fault',
    /admin role/,
  ],
  [
    'wrong region',
    refused({
      ...AT,
      code: 'no-endpoint',
      service: 'compute',
      region: 'two',
      endpointInterface: 'internal',
      available: ['one/internal'],
    }),
    'credentials',
    'fault',
    /region two.*one\/internal/,
  ],
  [
    'unknown CA',
    refused({ ...AT, ...WHERE, code: 'tls-untrusted', caFile: null, message: 'SELF_SIGNED' }),
    'credentials',
    'fault',
    /certificate/,
  ],
  [
    'wrong URL',
    refused({ ...AT, code: 'not-keystone', url: WHERE.url, message: '404' }),
    'credentials',
    'fault',
    /not as Keystone v3/,
  ],
  [
    'an error page in the place of Keystone',
    refused({ ...PASSING, code: 'not-keystone', url: WHERE.url, message: 'HTTP 404' }),
    'credentials',
    'fault',
    /not as Keystone v3/,
  ],
  [
    'a wrong clock',
    refused({ ...PASSING, ...WHERE, code: 'tls-untrusted', caFile: null, message: 'CERT_NOT_YET_VALID' }),
    'credentials',
    'fault',
    /not valid at this time.*chronyc/,
  ],
  [
    'rc file open to all',
    refused({ ...AT, code: 'config', problems: ['rc_file /x can be read by others: chmod 600 /x'] }),
    'credentials',
    'fault',
    /chmod 600/,
  ],
  [
    'cloud away',
    refused({
      ...WHERE,
      code: 'unreachable',
      certainty: 'passing',
      effect: 'none',
      reason: 'refused',
      message: '',
    }),
    'credentials',
    'unknown',
    /cannot be reached/,
  ],
  [
    'no nova-evacuate',
    { login: known({ state: 'not-configured' }) },
    'credentials',
    'fault',
    /no nova-evacuate/,
  ],
  [
    'password in the CIB',
    cib('<nvpair id="nova-evacuate-ia-rc_file"', '<nvpair id="p" name="password" value="x"/>$&'),
    'credentials',
    'warning',
    /stands in the CIB/,
  ],
  [
    'credentials on computes',
    cib(
      '<nvpair id="nova-compute-checkevacuate-ia-evacuation_delay"',
      '<nvpair id="p" name="auth_url" value="x"/>$&',
    ),
    'credentials',
    'warning',
    /a compute needs none/,
  ],
  [
    'dead BMC',
    power('Unable to establish IPMI v2 / RMCP+ session'),
    'connectivity',
    'fault',
    /can't tell the power of compute-0.*RMCP/,
  ],
  [
    'missing level',
    cib(/<fencing-level id="level-compute-0"[^>]*>/, ''),
    'connectivity',
    'fault',
    /no fencing level of compute-0/,
  ],
  [
    'level of a number that Pacemaker does not take',
    cib(/(<fencing-level id="level-compute-0"[^>]*index=")1"/, '$112"'),
    'connectivity',
    'fault',
    /fencing level 12 of compute-0 is ignored by Pacemaker, which takes levels 1 to 9/,
  ],
  [
    'levels of two targets that fit a node',
    cib(
      /<fencing-level id="level-compute-0"[^>]*>/,
      '<fencing-level id="a" target-pattern="^compute-0" index="1" devices="ipmilan-compute-0,fence-nova"/><fencing-level id="b" target-pattern="^compute-.$" index="1" devices="ipmilan-compute-0,fence-nova"/>',
    ),
    'connectivity',
    'warning',
    /compute-0 fits the fencing levels of \S+ and of \S+: Pacemaker takes those of one of them/,
  ],
  [
    'level with a device that is gone',
    cib('devices="ipmilan-compute-0,fence-nova"', 'devices="ipmilan-compute-0,bmc-9,fence-nova"'),
    'connectivity',
    'fault',
    /fencing level 1 of compute-0 names the device bmc-9, which the cluster has not/,
  ],
  [
    'level of a controller with a device that is gone',
    cib(
      '<fencing-level id="level-compute-0"',
      '<fencing-level id="l" target-pattern="controller-.*" index="2" devices="bmc-9"/>$&',
    ),
    'connectivity',
    'fault',
    /fencing level 2 of controller-\.\* names the device bmc-9/,
  ],
  [
    'second level without record',
    withLevel('target="compute-0" index="2" devices="ipmilan-compute-1"'),
    'connectivity',
    'fault',
    /fencing level 2 of compute-0 has no fence-nova: where it is the one that succeeds, compute-0 is fenced and nothing records that/,
  ],
  [
    'first level without record',
    cib(
      '<fencing-level id="level-compute-0" target="compute-0" index="1"',
      '<fencing-level id="l" target="compute-0" index="1" devices="ipmilan-compute-1"/><fencing-level id="level-compute-0" target="compute-0" index="2"',
    ),
    'protection',
    'fault',
    /compute-0 is NOT PROTECTED: the first of its fencing levels has no fence_compute/,
  ],
  [
    'level without power',
    cib('devices="ipmilan-compute-0,fence-nova"', 'devices="fence-nova"'),
    'connectivity',
    'fault',
    /no power device stands before/,
  ],
  [
    'level of storage fencing',
    cib('type="fence_ipmilan"', 'type="fence_scsi"'),
    'connectivity',
    'fault',
    /fencing compute-0 does not confirm its power off: level 1: ipmilan-compute-0 \(fence_scsi\) turns nothing off, it takes its storage away/,
  ],
  [
    'level of kdump',
    cib('type="fence_ipmilan"', 'type="fence_kdump"'),
    'protection',
    'fault',
    /compute-0 is NOT PROTECTED: its fencing proves nothing \(level 1: ipmilan-compute-0 \(fence_kdump\) turns nothing off/,
  ],
  [
    'level without record',
    cib('devices="ipmilan-compute-0,fence-nova"', 'devices="ipmilan-compute-0"'),
    'connectivity',
    'fault',
    /not recorded/,
  ],
  [
    'fencing off',
    cib('name="cluster-name" value="overcloud"', 'name="stonith-enabled" value="false"'),
    'connectivity',
    'fault',
    /stonith-enabled is false/,
  ],
  [
    'remote offline',
    statusIs(({ nodes }) => ({
      nodes: nodes.map((node) => (node.name === 'compute-1' ? { ...node, online: false } : node)),
    })),
    'connectivity',
    'warning',
    /compute-1 is offline/,
  ],
  [
    'device stopped',
    statusIs(({ resources }) => ({
      resources: resources.map((each) =>
        each.id === 'ipmilan-compute-1' ? { ...each, role: 'Stopped' } : each,
      ),
    })),
    'connectivity',
    'fault',
    /ipmilan-compute-1 is not started/,
  ],
  [
    'compute unknown to the cluster',
    cib('value="compute-0 compute-1"', 'value="compute-0 compute-1 compute-7"'),
    'connectivity',
    'fault',
    /no node compute-7/,
  ],
  [
    'failed fencing in the log',
    logs("error: Operation 'off' targeting compute-0 by controller-1 failed"),
    'errors',
    'warning',
    /a fencing failed/,
  ],
  [
    'given up in the log',
    logs('warning: Too many failures (10) to fence compute-0, giving up'),
    'errors',
    'warning',
    /given a fencing up/,
  ],
  [
    '401 in the log',
    logs(
      'keystoneauth1.exceptions.http.Unauthorized: (HTTP 401)'.replace(
        'Unauthorized: (HTTP 401)',
        '401 Unauthorized',
      ),
    ),
    'errors',
    'warning',
    /Keystone refuses/,
  ],
  [
    'FQDN in Nova',
    cloudIs({ services: [serviceOf('compute-0.example.org'), serviceOf('compute-1')] }),
    'names',
    'fault',
    /node is compute-0, Nova's host is compute-0\.example\.org/,
  ],
  [
    'a renamed compute whose old node is left',
    renamed(),
    'names',
    'fault',
    /nodes compute-0 and compute-0\.example\.org are one host of Nova/,
  ],
  [
    'neither of the two protected',
    renamed(),
    'protection',
    'fault',
    /compute-0 is NOT PROTECTED: .*compute-0\.example\.org is the same host of Nova/,
  ],
  [
    'host outside of the cluster',
    cloudIs({ services: [serviceOf('compute-0'), serviceOf('compute-1'), serviceOf('other')] }),
    'names',
    'warning',
    /other is no node/,
  ],
  [
    'evacuator stopped',
    statusIs(({ resources }) => ({ resources: resources.filter(({ id }) => id !== 'nova-evacuate') })),
    'protection',
    'fault',
    /compute-0 is NOT PROTECTED: nova-evacuate does not run/,
  ],
  [
    'node in maintenance',
    onNode('maintenance', 'true'),
    'protection',
    'fault',
    /compute-0 is NOT PROTECTED: the node is in maintenance/,
  ],
  [
    'node taken out',
    takenOut(''),
    'protection',
    'fault',
    /compute-0 is NOT PROTECTED: taken out of the cluster \(maintenance\)/,
  ],
  [
    'node taken out, and how it comes back',
    takenOut(''),
    'connectivity',
    'warning',
    /compute-0 is taken out of the cluster \(maintenance\): nothing/,
  ],
  [
    'node taken out while it is evacuated',
    takenOut(INCIDENT),
    'incidents',
    'warning',
    /compute-0 is taken out of the cluster \(maintenance\), and has an incident/,
  ],
  [
    'node taken out before it came back',
    takenOut(RELEASED),
    'incidents',
    'warning',
    /^compute-0 has the record of an evacuation, and is taken out of the cluster \(maintenance\): .*by itself$/,
  ],
  ['no quorum', cib('have-quorum="1"', 'have-quorum="0"'), 'quorum', 'fault', /no quorum/],
  [
    'quorum ignored',
    cib('name="cluster-name" value="overcloud"', 'name="no-quorum-policy" value="ignore"'),
    'quorum',
    'fault',
    /no-quorum-policy is ignore/,
  ],
  ...[{ online: false }, { pending: true }].map(
    (changes) =>
      [
        `controller away: ${JSON.stringify(changes)}`,
        statusIs(({ nodes }) => ({
          nodes: nodes.map((node) => (node.name === 'controller-2' ? { ...node, ...changes } : node)),
        })),
        'quorum',
        'warning',
        /controller controller-2 is (offline|in the membership, but its Pacemaker)/,
      ] as const,
  ),
  ['two controllers', cib('<node id="3" uname="controller-2"/>', ''), 'quorum', 'warning', /2 controllers/],
  [
    'agent missing on one node',
    failure(5, 'not installed'),
    'resources',
    'fault',
    /start of .* failed on compute-1: not installed/,
  ],
  [
    'a property that is neither yes nor no',
    cib('name="cluster-name" value="overcloud"', 'name="stonith-enabled" value="truetrue"'),
    'properties',
    'warning',
    /stonith-enabled is “truetrue”, which Pacemaker can't read as yes or no: it takes its default, true/,
  ],
  [
    "another machine's BMC",
    {
      power: [
        { device: 'ipmilan-compute-0', agent: 'fence_ipmilan', node: 'compute-0', state: 'off', detail: '' },
      ],
    },
    'connectivity',
    'fault',
    /ipmilan-compute-0 says that the power of compute-0 is off, and the cluster sees it online/,
  ],
  ['failed start', failure(1, 'error'), 'resources', 'warning', /failed on compute-1: error/],
  [
    'chain not running',
    statusIs(({ resources }) => ({
      resources: resources.filter(({ id, nodes }) => id !== 'nova-compute' || nodes[0] !== 'compute-1'),
    })),
    'resources',
    'fault',
    /nova-compute does not run on compute-1/,
  ],
  [
    'rule of the hold missing',
    cib(/<rsc_location id="nova-compute-clone-no-incident"[\s\S]*?<\/rsc_location>/, ''),
    'hold',
    'warning',
    /nova-compute-clone has no rule/,
  ],
  [
    'nothing holds',
    cib(/<clone id="nova-compute-checkevacuate-clone">[\s\S]*?<\/clone>/, ''),
    'hold',
    'fault',
    /nothing holds/,
  ],
  [
    'unreadable incident',
    onNode('instance-ha-incident', 'garbage'),
    'incidents',
    'fault',
    /incident of compute-0 can't be read/,
  ],
  [
    'stale incident',
    onNode(
      'instance-ha-incident',
      formatIncident({ id: 'abc', at: NOW - 7_200_000, by: 'fencer', on: 'controller-0' }),
    ),
    'incidents',
    'warning',
    /stands for 2\.0 h/,
  ],
  [
    'mark without incident',
    { marks: known(new Map([['compute-1', 'yes']])) },
    'incidents',
    'warning',
    /compute-1 is marked/,
  ],
  [
    'paused',
    cib(
      'name="cluster-name" value="overcloud"',
      `name="instance-ha-pause" value="${formatPause({ until: NOW + 60_000, by: 'ann', why: 'new switch' })}"`,
    ),
    'pause',
    'warning',
    /paused until 2026-11-25T04:01:00Z by ann \(new switch\)/,
  ],
  [
    'one node paused',
    onNode('instance-ha-pause', formatPause({ until: NOW + 60_000, by: 'ann', why: 'firmware' })),
    'pause',
    'warning',
    /compute-0 is paused until .*\(firmware\): no evacuation of compute-0 begins/,
  ],
  [
    'our marker left over',
    cloudIs({
      services: [
        serviceOf('compute-0', { status: 'disabled', disabledReason: disabledReason('abc') }),
        serviceOf('compute-1'),
      ],
    }),
    'incidents',
    'fault',
    /nobody will enable it/,
  ],
  [
    '`done` blocks a return',
    cloudIs({
      services: [serviceOf('compute-0', { forcedDown: true, state: 'down' }), serviceOf('compute-1')],
      evacuations: [record('done')],
    }),
    'services',
    'fault',
    /1 evacuation records of it are still `done`/,
  ],
  [
    'forced down by hand',
    cloudIs({
      services: [serviceOf('compute-0', { forcedDown: true, state: 'down' }), serviceOf('compute-1')],
    }),
    'services',
    'warning',
    /forced down by an operator/,
  ],
  [
    'disabled by hand',
    cloudIs({
      services: [
        serviceOf('compute-0', { status: 'disabled', disabledReason: 'repair' }),
        serviceOf('compute-1'),
      ],
    }),
    'services',
    'warning',
    /disabled by an operator \(repair\)/,
  ],
  [
    'cell down',
    cloudIs({ services: [serviceOf('compute-0', { state: 'unknown' }), serviceOf('compute-1')] }),
    'services',
    'fault',
    /cell of compute-0/,
  ],
  [
    'start cut off',
    cib(
      'id="nova-compute-checkevacuate-op-start-0s" name="start" interval="0s" timeout="150s"',
      'id="s" name="start" interval="0s" timeout="90s"',
    ),
    'timeouts',
    'warning',
    /cut off before it can say why/,
  ],
  [
    'stonith-timeout too short',
    cib('name="stonith-timeout" value="60s"', 'name="stonith-timeout" value="20s"'),
    'timeouts',
    'warning',
    /stonith-timeout is 20 s/,
  ],
  [
    'recheck too long',
    cib('name="cluster-recheck-interval" value="60s"', 'name="cluster-recheck-interval" value="15min"'),
    'timeouts',
    'warning',
    /cluster-recheck-interval is 900 s/,
  ],
  [
    'never tried again',
    cib(/<nvpair id="nova-compute-checkevacuate-meta-failure-timeout"[^>]*>/, ''),
    'timeouts',
    'warning',
    /never tried again/,
  ],
  [
    'agent missing here',
    localIs({ files: new Map([['/usr/sbin/fence_compute', false]]) }),
    'installation',
    'fault',
    /fence_compute is missing/,
  ],
  [
    'agent missing there',
    bySsh({ missing: ['/usr/sbin/fence_compute'] }),
    'installation',
    'fault',
    /fence_compute is missing on compute-0/,
  ],
  [
    'another release there',
    bySsh({ version: '0.9.0' }),
    'installation',
    'warning',
    /compute-0 has release 0\.9\.0, controller-0 has 1\.0\.0/,
  ],
  ['nothing there', bySsh({ version: null }), 'installation', 'fault', /not installed on compute-0/],
  [
    'not reached by ssh',
    { nodes: new Map([['compute-0', unknown('Permission denied (publickey)')]]) },
    'installation',
    'unknown',
    /compute-0 could not be asked by ssh: Permission denied/,
  ],
  [
    'guests resumed at boot there',
    conf('resume_guests_state_on_host_boot = true'),
    'nova-conf',
    'fault',
    /of compute-0 has resume_guests_state_on_host_boot=true/,
  ],
  ['another host name there', conf('host = compute-0.old'), 'nova-conf', 'fault', /has host=compute-0\.old/],
  [
    'disks are local',
    bySsh({ instancesOn: 'xfs', novaConf: { path: '/n', lines: [] } }),
    'nova-conf',
    'warning',
    /instances_path of compute-0 is on xfs/,
  ],
  ['clock off', cloudIs({ clockSkewMs: 9_000 }), 'clocks', 'warning', /9\.0 s/],
  ['clock not synchronised', localIs({ clockSynchronised: false }), 'clocks', 'warning', /not synchronised/],
  [
    'guests resumed at boot',
    localIs({ novaConf: { path: '/n', lines: ['resume_guests_state_on_host_boot=True'] } }),
    'nova-conf',
    'fault',
    /resume_guests_state_on_host_boot=True/,
  ],
  [
    'no room',
    { usage: known([usageOf('compute-0', ['vm-1'], 20_000), usageOf('compute-1', [])]) },
    'capacity',
    'warning',
    /1 of its 1 instances would find no room/,
  ],
  [
    'leftover in Placement',
    { ...cloudIs({ servers: [serverOf('vm-1', 'compute-1')] }) },
    'placement',
    'warning',
    /compute-0 still holds/,
  ],
  ['Nova unreadable', { cloud: unknown('503') }, 'reading', 'unknown', /Nova can't be read: 503/],
  [
    'Nova unreadable, so nothing is known of protection',
    { cloud: unknown('503') },
    'protection',
    'unknown',
    /Nova could not be asked: 503/,
  ],
  [
    'cluster unreadable',
    { configuration: unknown('down'), status: unknown('down') },
    'connectivity',
    'unknown',
    /not looked at: down/,
  ],
];

describe('doctor', () => {
  it('is silent on a healthy cluster', () => {
    expect(runChecks(healthyFacts()).flatMap(({ problems }) => problems)).toEqual([]);
    const asked = healthyFacts(conf('host=compute-0', 'resume_guests_state_on_host_boot=false'));
    expect(runChecks(asked).flatMap(({ problems }) => problems)).toEqual([]);
    const inCeph = bySsh({ instancesOn: 'xfs', novaConf: { path: '/n', lines: ['images_type = rbd'] } });
    expect(runChecks(healthyFacts(inCeph)).flatMap(({ problems }) => problems)).toEqual([]);
  });

  for (const [name, changes, check, severity, says] of FAULTS) {
    it(`finds: ${name}`, () => {
      const result = runChecks(healthyFacts(changes)).find((each) => each.check.id === check);
      expect(result?.problems.map((problem) => problem.says).join('\n')).toMatch(says);
      expect(result?.verdict).toBe(severity);
      expect(result?.problems.every(({ fix }) => fix !== '')).toBe(true);
    });
  }

  it('says how a node that was taken out comes back, once', () => {
    for (const records of ['', INCIDENT, RELEASED]) {
      const problems = runChecks(healthyFacts(takenOut(records)))
        .filter(({ check }) => check.id !== 'protection')
        .flatMap((result) => result.problems);
      expect(problems.map(({ fix }) => fix)).toEqual([
        expect.stringMatching(
          records === INCIDENT
            ? /^wait .* then .*maintenance compute-0 --end/
            : /maintenance compute-0 --end/,
        ),
      ]);
    }
  });

  it('has a seeded fault for every check', () => {
    const tried = new Set(FAULTS.map(([, , check]) => check));
    expect(CHECKS.map(({ id }) => id).filter((id) => !tried.has(id))).toEqual([]);
  });

  it('with a node shows what is about it or about the whole', () => {
    const facts = healthyFacts({
      ...power('x'),
      ...cloudIs({ services: [serviceOf('compute-0'), serviceOf('compute-1', { status: 'disabled' })] }),
    });
    const nodes = (node: string | null) =>
      new Set(runChecks(facts, node).flatMap(({ problems }) => problems.map((problem) => problem.node)));
    expect(nodes('compute-1')).toEqual(new Set(['compute-1', null]));
    expect(nodes(null)).toEqual(new Set(['compute-0', 'compute-1', null]));
  });

  it("says once that a device is gone, and nothing of Pacemaker's own", () => {
    const connectivityOf = (changes: Partial<Facts>): readonly string[] =>
      runChecks({ ...healthyFacts(), ...changes })
        .filter(({ check }) => check.id === 'connectivity')
        .flatMap(({ problems }) => problems.map(({ says }) => says));
    const devices = (ids: string): Partial<Facts> => cib('devices="ipmilan-compute-0,', `devices="${ids},`);
    expect(connectivityOf(devices('watchdog'))).toEqual([]);
    const gone = {
      ...devices('bmc-9'),
      power: [
        {
          device: 'bmc-9',
          agent: '?',
          node: 'compute-0',
          state: 'failed',
          detail: 'there is no such device in the cluster',
        },
      ],
    } as const;
    expect(connectivityOf(gone)).toEqual([expect.stringContaining('names the device bmc-9')]);
  });

  it('says how each level of a compute comes to record, by commands of pcs', () => {
    const said = (changes: Partial<Facts>): readonly string[] =>
      runChecks({ ...healthyFacts(), ...changes })
        .filter(({ check }) => ['connectivity', 'protection'].includes(check.id))
        .flatMap(({ problems }) => problems.map(({ fix }) => fix));
    expect(said(withLevel('target="compute-0" index="2" devices="ipmilan-compute-1"'))).toEqual([
      'pcs stonith level remove 2 target compute-0; pcs stonith level add 2 compute-0 ipmilan-compute-1 fence-nova',
    ]);
    expect(said(withLevel('target="compute-0" index="2" devices="watchdog"'))).toEqual([
      expect.stringMatching(/add 2 compute-0 watchdog fence-nova --force$/),
    ]);
    // compute-0 has levels of its own, so that those are not for it.
    for (const target of [
      'target-pattern="^compute-0$"',
      'target-attribute="osprole" target-value="compute"',
      'target-pattern="controller"',
    ])
      expect(said(withLevel(`${target} index="2" devices="ipmilan-compute-1"`))).toEqual([]);
    const byGroup = (target: string): Partial<Facts> => {
      const another = `<fencing-level id="a" ${target} index="2" devices="ipmilan-compute-1"/>`;
      return cib(
        '<fencing-level id="level-compute-0" target="compute-0"',
        `${another}<fencing-level id="level-compute-0" ${target}`,
      );
    };
    expect(said(byGroup('target-pattern="^compute-[0]$"'))).toEqual([
      "pcs stonith level remove 2 target 'regexp%^compute-[0]$'; pcs stonith level add 2 'regexp%^compute-[0]$' ipmilan-compute-1 fence-nova",
    ]);
    expect(said(byGroup('target-attribute="osprole" target-value="compute"'))).toEqual([
      'pcs stonith level remove 2 target attrib%osprole=compute; pcs stonith level add 2 attrib%osprole=compute ipmilan-compute-1 fence-nova',
    ]);
    expect(said(byGroup('target-pattern="-0"'))).toEqual([
      'pcs stonith level add 1 compute-0 ipmilan-compute-0 fence-nova; pcs stonith level add 2 compute-0 ipmilan-compute-1 fence-nova: its own levels, which then count in place of those that are for other nodes, too',
    ]);
  });

  it('goes by Nova’s host of a provider, not by what the hypervisor calls itself', () => {
    const found = (usage: readonly HostUsage[], changes: Partial<CloudFacts> = {}) =>
      runChecks(healthyFacts({ usage: known(usage), ...cloudIs(changes) })).flatMap(({ check, problems }) =>
        problems.map(({ node, says }) => `${check.id} ${node}: ${says}`),
      );
    const usage = (memory: number) => [
      usageOf('compute-0', ['vm-1'], memory, { name: 'rack-a.example.org' }),
      usageOf('compute-1', [], 0, { name: 'compute-0.example.org' }),
    ];
    const servers = (hypervisorHostname: string | null) => ({
      servers: [{ ...serverOf('vm-1', 'compute-0'), hypervisorHostname }],
    });
    expect(found(usage(4096), servers('rack-a.example.org'))).toEqual([]);
    expect(found(usage(4096), servers(null))).toEqual([]);
    expect(found(usage(20_000), servers('rack-a.example.org'))).toEqual([
      expect.stringMatching(
        /^capacity compute-0: if compute-0 died, 1 of its 1 instances would find no room/,
      ),
    ]);
    expect(found(usage(4096), servers('compute-0.example.org'))).toEqual([
      expect.stringMatching(/^placement compute-0: rack-a.example.org still holds/),
    ]);
    const disabled = [serviceOf('compute-0'), serviceOf('compute-1', { status: 'disabled' })];
    expect(found(usage(4096), { ...servers(null), services: disabled })).toContainEqual(
      expect.stringMatching(/^capacity null: there is one usable host/),
    );
  });

  it('takes what a shared storage or a nested provider gives to an instance for no leftover', () => {
    const usage = [usageOf('compute-0', ['vm-1']), usageOf('compute-1', [])];
    const pool = { ...usageOf('nfs', []), host: null, allocations: new Map([['vm-1', { DISK_GB: 20 }]]) };
    const card = { ...usageOf('compute-0_GPU', []), host: null, allocations: new Map([['vm-1', {}]]) };
    const problems = (changes: Partial<Facts>) =>
      runChecks(healthyFacts(changes)).flatMap((result) => result.problems.map(({ says }) => says));
    expect(problems({ usage: known([...usage, pool, card]) })).toEqual([]);
    // The provider of a host whose service was deleted.
    const gone = { ...usageOf('compute-9.example.org', ['vm-1']), host: null };
    expect(problems({ usage: known([...usage, gone]) })).toEqual([
      expect.stringContaining('compute-9.example.org still holds'),
    ]);
  });

  it('takes nothing that is unknown for wrong', () => {
    const blind = healthyFacts({
      configuration: unknown('x'),
      status: unknown('x'),
      marks: unknown('x'),
      login: unknown('x'),
      cloud: unknown('x'),
      usage: unknown('x'),
      power: [],
    });
    expect(worstOf(runChecks(blind).map(({ verdict }) => verdict))).toBe('unknown');
  });
});
