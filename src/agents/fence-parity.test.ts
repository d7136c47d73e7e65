import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type FenceAgent,
  fenceMetadata,
  GENERAL_PARAMETERS,
  parseFenceArguments,
} from '../pacemaker/fence-agent.ts';
import { attributeOf, childrenOf, descendantsOf, parseDocument } from '../pacemaker/xml.ts';
import { FENCE_COMPUTE, FENCE_EVACUATE } from './fence-tables.ts';

/** The general options beside those of an agent that every fencer knows: the real fence_ipmilan of this machine. */
const PEER = '/usr/sbin/fence_ipmilan';
const METADATA_CHARS = 1_000_000;
const metadataOfPeer = spawnSync(PEER, ['-o', 'metadata'], { encoding: 'utf8' });
const hasPeer = metadataOfPeer.status === 0;

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Shape {
  readonly option: string;
  readonly type: string | null;
}

/** Option and type of every parameter of a metadata document. */
function shapesIn(xml: string): Map<string, Shape> {
  const root = parseDocument('metadata', xml, METADATA_CHARS);
  if (!root.ok) throw new Error('no metadata');
  return new Map(
    descendantsOf(root.value, 'parameter').map((parameter) => {
      const [getopt] = childrenOf(parameter, 'getopt');
      const [content] = childrenOf(parameter, 'content');
      const mixed = getopt === undefined ? '' : (attributeOf(getopt, 'mixed') ?? '');
      const type = content === undefined ? null : attributeOf(content, 'type');
      // What stands for the value is for people, and fence_ipmilan forgets it at verbose_level.
      return [attributeOf(parameter, 'name') ?? '', { option: mixed.replace(/=\[.*\]$/, ''), type }];
    }),
  );
}

describe.skipIf(!hasPeer)('fence_compute beside fence_ipmilan', () => {
  const directory = mkdtempSync(join(tmpdir(), 'instance-ha-parity-'));
  const ours = join(directory, 'layer/usr/sbin/fence_compute');
  beforeAll(() => {
    execFileSync(process.execPath, ['scripts/build.mjs', '--out', directory], { stdio: 'pipe' });
  }, 60_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('has every general option under the same name, letters and type', () => {
    const theirs = shapesIn(metadataOfPeer.stdout);
    const own = shapesIn(fenceMetadata(FENCE_COMPUTE));
    // fence_ipmilan fences one machine at a time, so it has no list, and no separator for one.
    const general = GENERAL_PARAMETERS.map(({ name }) => name).filter((name) => name !== 'separator');
    for (const name of [...general, 'debug', 'username', 'login', 'password', 'passwd', 'password_script']) {
      expect(own.get(name), name).toEqual(theirs.get(name));
    }
  });

  const bin = join(directory, 'bin');
  /** A BMC that says "on" for the one, a cluster with one compute for the other. */
  beforeAll(() => {
    mkdirSync(bin);
    const shim = (name: string, body: string): void => {
      writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
      chmodSync(join(bin, name), 0o755);
    };
    shim('ipmitool', 'echo Chassis Power is on');
    shim(
      'cibadmin',
      `echo '<cib have-quorum="1" dc-uuid="1"><configuration><crm_config/><nodes/><resources><primitive id="compute-1" class="ocf" provider="pacemaker" type="remote"/></resources><constraints/></configuration><status/></cib>'`,
    );
    shim('attrd_updater', 'exit 78');
    shim('logger', `cat >> ${directory}/syslog`);
  });
  const call = (program: string, args: readonly string[], input: string): Promise<Ended> =>
    new Promise((resolve) => {
      const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
      const child = execFile(program, args, { timeout: 20_000, env }, (_error, stdout, stderr) =>
        resolve({ status: child.exitCode, stdout, stderr }),
      );
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    });
  /** What names the machine to each of them, on standard input where there are no arguments. */
  const bmc: Readonly<Record<string, string>> = {
    ip: '127.0.0.1',
    username: 'u',
    password: 'p',
    ipmitool_path: join(bin, 'ipmitool'),
  };
  const both = (args: readonly string[], input: string): Promise<readonly Ended[]> =>
    Promise.all(
      [[ours, { plug: 'compute-1' }] as const, [PEER, bmc] as const].map(([program, machine]) => {
        const named = Object.entries(machine);
        if (args.length === 0)
          return call(program, args, named.map((each) => `${each.join('=')}\n`).join('') + input);
        const options = named.map(([name, value]) => `--${name.replaceAll('_', '-')}=${value}`);
        return call(program, [...options, ...args], input);
      }),
    );
  /** What is said on standard error, without the password warnings and Python's own. */
  const complaints = (text: string): string =>
    text
      .split('\n')
      .filter((line) => !/pipes|^$|-h' for usage/.test(line))
      .join('\n');

  it.each([
    ['status', ['-o', 'STATUS'], ''],
    ['monitor', ['-o', 'monitor'], ''],
    ['validate-all', ['-o', 'validate-all'], ''],
    ['an empty action', ['-o', ''], ''],
    ['an empty action on standard input', [], 'action=\n'],
    ['an action with a blank', ['-o', ' status'], ''],
    ['a delay that is no number', ['-o', 'status', '--delay=soon'], ''],
    ['a delay that is no whole number', ['-o', 'monitor', '--delay', '1.5'], ''],
    ['a power_timeout that is no number', ['-o', 'status', '--power-timeout=x'], ''],
    ['a shell_timeout that is no number', ['-o', 'status', '--shell-timeout=x'], ''],
    ['a login_timeout that is no number', ['-o', 'status', '--login-timeout=x'], ''],
    ['a power_wait that is no number', ['-o', 'status', '--power-wait=x'], ''],
    ['a stonith_status_sleep that is no number', ['-o', 'status', '--stonith-status-sleep=x'], ''],
    ['a retry_on that is no number', ['-o', 'status', '--retry-on=x'], ''],
    ['a delay that is no number, for validate-all', ['-o', 'validate-all', '--delay=x'], ''],
    ['a delay that is no number, on standard input', [], 'action=status\ndelay=soon\n'],
    ['a verbose_level that is no number', ['-o', 'status', '--verbose-level=x'], ''],
    ['a negative verbose_level', ['-o', 'status', '--verbose-level=-1'], ''],
    ['verbose with a level of 0', ['-o', 'status', '-v', '--verbose-level=0'], ''],
    ['a disable_timeout that is no word for it', ['-o', 'status', '--disable-timeout=xyz'], ''],
    ['a word that is no option', ['-o', 'status', 'stray'], ''],
    ['an option after --', ['-o', 'status', '--', '-x'], ''],
    ['a value glued to its letter', ['-ostatus'], ''],
    ['an abbreviation of two options', ['-o', 'status', '--pass', 'x'], ''],
    ['an action given twice', ['-o', 'explode', '-o', 'status'], ''],
    ['no newline at the end', [], 'action=status'],
    ['lines that end by CR LF', [], 'action=status\r\nverbose_level=0\r\n'],
    ['a CR that ends no line', [], 'action=status\rverbose_level=0\r'],
    ['comments and blank lines', [], '# x\n\n   \n  # y\n  action=status  \n'],
    ['a value in quotes', [], 'action="status"\n'],
    ['unknown keys, and what is no line', [], 'action=status\ncolour=red\ncolour\n=x\n'],
    ['a switch that is neither true nor false', [], 'action=status\nverbose=maybe\n'],
    ['a very long line', [], `action=status\ncolour=${'x'.repeat(100_000)}\n`],
    ['a key twice', [], 'action=explode\naction=status\n'],
    ['names with dashes', [], 'action=status\npower-timeout=3\n'],
  ])('means the same by %s', async (_, args, input) => {
    const [own, theirs] = await both(args, input);
    expect(own?.status, `${own?.stderr}${theirs?.stderr}`).toBe(theirs?.status);
    expect(own?.stdout).toBe(theirs?.stdout);
    // Where they complain, so do we, and where they are silent, so are we.
    expect(complaints(own?.stderr ?? '') !== '', own?.stderr).toBe(complaints(theirs?.stderr ?? '') !== '');
  });

  it('says errors to syslog, whether quiet or not, and nothing on standard error when quiet', async () => {
    for (const quiet of [[], ['-q']]) {
      const failed = await call(ours, [...quiet, '-o', 'explode'], '');
      expect(failed.status).toBe(1);
      expect(failed.stderr === '').toBe(quiet.length > 0);
      expect(readFileSync(join(directory, 'syslog'), 'utf8')).toContain('unknown action "explode"');
      rmSync(join(directory, 'syslog'));
    }
  });

  it.each([
    ['its version', ['-V'], ''],
    ['help before version', ['-h', '-V'], ''],
    ['metadata before version', ['-V', '-o', 'metadata'], ''],
    ['its version, by the long option', ['--version'], ''],
    ['its help', ['-h'], ''],
    ['its metadata', ['-o', 'metadata'], ''],
    ['an abbreviated option', ['--act', 'metadata'], ''],
    ['metadata on standard input', [], 'action=metadata\n'],
    ['metadata on standard input, with what is no line', [], '# a comment\n\nnonsense\naction=metadata\n'],
    ['an unknown parameter on standard input', [], 'action=metadata\ncolour=red\n'],
    ['an unknown option', ['--nonsense'], ''],
    ['an option without its value', ['-o'], ''],
    ['off of nothing', ['-o', 'off'], ''],
    ['off of nothing, on standard input', [], 'action=off\n'],
    ['an unknown action', [], 'action=explode\nplug=x\nip=x\n'],
    ['garbage', [], '\u0000\u0001=\n====\naction\n'],
  ])('ends with the same exit code: %s', async (_, args, input) => {
    const [own, theirs] = await Promise.all([call(ours, args, input), call(PEER, args, input)]);
    expect(own.status, own.stderr + theirs.stderr).toBe(theirs.status);
    const kind = (text: string) => /^(<\?xml|\d+\.\d+\.\d+$)/m.exec(text)?.[0].slice(0, 2);
    expect(kind(own.stdout)?.startsWith('<')).toBe(kind(theirs.stdout)?.startsWith('<'));
  });
});

/**
 * The options of the stock fence_compute and fence_evacuate that are not general: long option, letter, default of
 * the metadata (agents/compute/fence_compute.py of fence-agents). Clusters and scripts have them by these names.
 */
const STOCK: readonly (readonly [name: string, option: string, type: string, fallback: string | null])[] = [
  ['plug', '-n, --plug', 'string', null],
  ['port', '-n, --plug', 'string', null],
  ['auth_url', '-k, --auth-url', 'string', null],
  ['endpoint_type', '-e, --endpoint-type', 'string', 'internalURL'],
  ['username', '-l, --username', 'string', null],
  ['login', '-l, --username', 'string', null],
  ['password', '-p, --password', 'string', null],
  ['passwd', '-p, --password', 'string', null],
  ['password_script', '-S, --password-script', 'string', null],
  ['passwd_script', '-S, --password-script', 'string', null],
  ['user_domain', '-u, --user-domain', 'string', 'Default'],
  ['user-domain', '-u, --user-domain', 'string', 'Default'],
  ['project_domain', '-P, --project-domain', 'string', 'Default'],
  ['project-domain', '-P, --project-domain', 'string', 'Default'],
  ['region_name', '--region-name', 'string', null],
  ['insecure', '--insecure', 'boolean', null],
  ['domain', '-d, --domain', 'string', null],
  ['compute_domain', '--compute-domain', 'string', null],
  ['compute-domain', '--compute-domain', 'string', null],
  ['instance_filtering', '--instance-filtering', 'boolean', 'True'],
  ['no_shared_storage', '--no-shared-storage', 'boolean', 'False'],
];

describe('beside the stock agents', () => {
  it.each([
    FENCE_COMPUTE,
    FENCE_EVACUATE,
  ])('$name has their options: names, letters, types, defaults', (agent) => {
    const xml = fenceMetadata(agent);
    const own = shapesIn(xml);
    const defaultOf = (name: string): string | null =>
      new RegExp(`name="${name}" [^]*?<content type="\\w+"(?: default="([^"]*)")?`).exec(xml)?.[1] ?? null;
    for (const [name, option, type, fallback] of STOCK) {
      expect(own.get(name), name).toMatchObject({ option, type });
      if (fallback !== null) expect(defaultOf(name), name).toBe(fallback);
    }
    // The one that we call project_name has the stock's name for an alias, and its letter.
    expect(own.get('tenant_name')).toMatchObject({ option: '-t, --project-name', type: 'string' });
    expect(
      parseFenceArguments(agent, ['-t', 'a']).ok && parseFenceArguments(agent, ['--tenant-name', 'a']).ok,
    ).toBe(true);
  });

  it('has the default actions and those of the stock agents', () => {
    const named = (agent: FenceAgent) => agent.actions.map(({ name }) => name);
    for (const action of 'on off status list list-status monitor metadata manpage validate-all'.split(' ')) {
      expect(named(FENCE_COMPUTE)).toContain(action);
      expect(named(FENCE_EVACUATE)).toContain(action);
    }
    expect([FENCE_COMPUTE.defaultAction, FENCE_EVACUATE.defaultAction]).toEqual(['off', 'reboot']);
    expect(shapesIn(fenceMetadata(FENCE_COMPUTE)).get('record_only')).toMatchObject({
      option: '-r, --record-only',
    });
  });
});
