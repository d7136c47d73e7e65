import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fenceParameters } from '../pacemaker/fence-agent.ts';
import { FENCE_AGENTS, OCF_AGENTS } from './all-agents.ts';
import { manualPages } from './reference.ts';

/** The documents, held to what the agents and the tree really are. */
const FILES = [
  'README.md',
  'bench/README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...readdirSync('docs/decisions').map((name) => `docs/decisions/${name}`),
];
const read = (file: string): string => readFileSync(file, 'utf8');

/** GitHub's anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchorsIn(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
}

/** Indented blocks, as commands: continuation lines joined. */
function commandsIn(file: string): string[] {
  const blocks = read(file).match(/(?:^ {4}\S.*\n(?: {4}.*\n|\n(?= {4}))*)+/gm) ?? [];
  return blocks.map((block) => block.replaceAll(/^ {4}/gm, ''));
}

describe('the documents', () => {
  it.each(FILES)('%s links to what is there', (file) => {
    const broken = [...read(file).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => {
        const [path = '', anchor] = target.split('#');
        const where = path === '' ? file : normalize(join(dirname(file), path));
        if (!existsSync(where)) return true;
        return anchor !== undefined && where.endsWith('.md') && !anchorsIn(where).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  it.each([
    'docs/install.md',
    'docs/configure.md',
    'docs/operate.md',
    'README.md',
  ])('%s has commands that a shell can read', (file) => {
    const commands = commandsIn(file).filter((block) => !/^(Pacemaker ──|--|\/)/.test(block));
    expect(commands.length).toBeGreaterThan(1);
    for (const block of commands) {
      // `...` stands for more of the same.
      const checked = spawnSync('bash', ['-n'], { input: block.replaceAll(' ...', ''), encoding: 'utf8' });
      expect(checked.stderr, block).toBe('');
    }
  });

  it.each(FILES)('%s names parameters that the agents have', (file) => {
    const tables = new Map<string, ReadonlySet<string>>([
      ...FENCE_AGENTS.map(
        (agent) =>
          [
            agent.name,
            new Set(fenceParameters(agent).flatMap(({ name, obsolete = [] }) => [name, ...obsolete])),
          ] as const,
      ),
      ...OCF_AGENTS.map(
        (agent) =>
          [
            `ocf:openstack:${agent.name}`,
            new Set(agent.parameters.flatMap(({ name, aliases = [] }) => [name, ...aliases])),
          ] as const,
      ),
    ]);
    const joined = read(file).replaceAll('\\\n', ' ');
    const strays: string[] = [];
    for (const [, agent = '', rest = ''] of joined.matchAll(
      /create \S+ (fence_compute|ocf:openstack:\S+)(.*)/g,
    )) {
      const known = tables.get(agent);
      expect(known, agent).toBeDefined();
      // What follows op, meta or clone is Pacemaker's.
      const own = rest.split(/ (?:op|meta|clone) /)[0] ?? '';
      for (const [, name = ''] of own.matchAll(/(?:^|\s)([a-z_]+)=/g)) {
        if (known?.has(name) !== true && !name.startsWith('pcmk_')) strays.push(`${agent} ${name}`);
      }
    }
    for (const [, name = ''] of joined.matchAll(/OCF_RESKEY_([a-z_]+)/g)) {
      if (name !== 'parameter' && ![...tables.values()].some((known) => known.has(name))) strays.push(name);
    }
    for (const [, parameters = ''] of joined.matchAll(/resource update nova-evacuate (.*)/g)) {
      for (const [, name = ''] of parameters.matchAll(/(\w+)=/g)) {
        if (tables.get('ocf:openstack:NovaEvacuate')?.has(name) !== true) strays.push(name);
      }
    }
    expect(strays).toEqual([]);
  });

  const TOOLS = ['crm_mon', 'crm_resource', 'crm_attribute', 'attrd_updater', 'stonith_admin', 'cibadmin'];
  const canAsk = TOOLS.every((tool) => spawnSync(tool, ['--help']).status === 0);

  it.skipIf(!canAsk)("give Pacemaker's tools options that these have", () => {
    const helps = new Map(
      TOOLS.map((tool) => {
        const texts = ['--help', '--help-all'].map(
          (option) => spawnSync(tool, [option], { encoding: 'utf8' }).stdout,
        );
        return [tool, new Set(texts.join('\n').match(/(?<![\w-])--?[A-Za-z0-9][\w-]*/g))] as const;
      }),
    );
    const strays: string[] = [];
    let calls = 0;
    for (const file of FILES) {
      const text = read(file).replaceAll('\\\n', ' ');
      for (const [call, tool = ''] of text.matchAll(
        /\b([a-z]+_[a-z]+)((?: +(?:'[^']*'|"[^"]*"|[^\s`|;#]+))+)/g,
      )) {
        const known = helps.get(tool);
        if (known === undefined) continue;
        calls++;
        const options = call.replaceAll(/'[^']*'|"[^"]*"/g, '').match(/(?<= )--?[A-Za-z0-9][\w-]*/g) ?? [];
        for (const option of options) if (!known.has(option)) strays.push(`${file}: ${tool} ${option}`);
      }
    }
    expect(calls).toBeGreaterThan(15);
    expect(strays).toEqual([]);
  });

  /** The options of those that one migrates from, by their own names: what an operator has in the file and looks for. */
  it.each([
    [
      'From the instance HA of OSP director (stock agents)',
      'auth_url username login password passwd tenant_name domain region_name endpoint_type insecure no_shared_storage record_only instance_filtering evacuate_delay evacuation_delay',
    ],
    [
      'From Masakari',
      'recovery_method reserved_host rh_priority auto_priority evacuate_all_instances ha_enabled_instance_metadata_key ignore_instances_in_error_state add_reserved_host_to_aggregate service_disable_reason wait_period_after_service_update wait_period_after_evacuation verify_interval host_failure_recovery_threads process_unfinished_notifications_interval retry_notification_new_status_interval check_expired_notifications_interval notifications_expired_interval duplicate_notification_detection_interval host_auto_failure_recovery_tasks host_rh_failure_recovery_tasks monitoring_driver monitoring_interval monitoring_samples api_retry_max api_retry_interval disable_ipmi_check restrict_to_remotes ipmi_timeout ipmi_retry_max ipmi_retry_interval stonith_wait tcpdump_timeout corosync_multicast_interfaces corosync_multicast_ports on_maintenance',
    ],
    [
      "From RHOSO's instanceha",
      'EVACUABLE_TAG DELTA POLL THRESHOLD WORKERS DELAY LOGLEVEL SMART_EVACUATION RESERVED_HOSTS FORCE_RESERVED_HOST_EVACUATION TAGGED_IMAGES TAGGED_FLAVORS TAGGED_AGGREGATES LEAVE_DISABLED FORCE_ENABLE CHECK_KDUMP KDUMP_TIMEOUT CHECK_HEARTBEAT HEARTBEAT_TIMEOUT DISABLED SSL_VERIFY FENCING_TIMEOUT HASH_INTERVAL ORCHESTRATED_RESTART SKIP_SERVERS_WITH_NAME EVACUATION_MAX_THREADS EVACUATION_RETRIES EVACUATION_STAGGER EVACUATION_TIMEOUT HEARTBEAT_CLIFF_THRESHOLD HEARTBEAT_CLIFF_MAX_CYCLES MAX_HOSTS_PER_CYCLE K8S_API_CHECK_INTERVAL',
    ],
  ])('docs/migrate.md has every option: %s', (heading, options) => {
    const [, section = ''] = read('docs/migrate.md').split(`## ${heading}\n`);
    const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '));
    const named = new Set(rows.flatMap((row) => (row.split(' | ')[0] ?? '').match(/\w+/g) ?? []));
    for (const option of options.split(' ')) expect(named, option).toContain(option);
  });

  it('the pages of the manual that are named are made, or not ours', () => {
    const pages = [...manualPages(FENCE_AGENTS, OCF_AGENTS).keys()].map((path) =>
      path.replace(/^man\d\//, ''),
    );
    const named = FILES.flatMap((file) =>
      [...read(file).matchAll(/`man ([78]) ((?:fence_|ocf_|Nova)[\w-]+)`/g)].map(
        ([, section, name]) => `${name}.${section}`,
      ),
    );
    expect(named.length).toBeGreaterThan(1);
    expect(named.filter((page) => !pages.includes(page))).toEqual([]);
  });

  it('docs/migrate.md names keys of the policy that there are', () => {
    const policy = read('docs/policy.md');
    const named = [
      ...read('docs/migrate.md').matchAll(
        /`(selection|order|pace|destinations|gates|storage|retry|delays)\.([a-z_.]+)/g,
      ),
    ];
    expect(named.length).toBeGreaterThan(15);
    for (const [, section = '', key = ''] of named) {
      const part = policy.slice(policy.indexOf(`## ${section}`)).split('\n## ')[0] ?? '';
      expect(part, `${section}.${key}`).toContain(`| \`${key}\` |`);
    }
  });
});
