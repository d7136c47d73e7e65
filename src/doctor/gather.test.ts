import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { success } from '../core/result.ts';
import type { RunTool } from '../pacemaker/tool.ts';
import { gatherFacts } from './gather.ts';
import type { LocalPort } from './gather-local.ts';
import { gatherNodes } from './gather-nodes.ts';
import { gatherPower } from './gather-power.ts';
import { configurationOf } from './testing.ts';

const local: LocalPort = {
  node: 'controller-0',
  version: '1.0.0',
  exists: async () => true,
  tail: async (path) => (path.endsWith('pacemaker.log') ? ['a line'] : null),
  clockSynchronised: async () => true,
};
const exits = (exitCode: number, stdout = '', stderr = '') => success({ exitCode, stdout, stderr });

describe('the facts', () => {
  it('of a cluster that does not answer are unknown, each with its reason', async () => {
    const run: RunTool = async () => exits(102, '', 'Transport endpoint is not connected');
    const facts = await gatherFacts({ run, local, now: () => 0, progress: () => {} });
    for (const part of [
      facts.configuration,
      facts.status,
      facts.marks,
      facts.login,
      facts.cloud,
      facts.usage,
    ])
      expect(part).toMatchObject({
        known: false,
        reason: expect.stringContaining('cannot reach the cluster'),
      });
    expect(facts.local.logs).toEqual([{ path: '/var/log/pacemaker/pacemaker.log', lines: ['a line'] }]);
  });

  it('say that the credentials are refused where the rc file is not there', async () => {
    const cib = readFileSync(new URL('../configure/golden/minimal.xml', import.meta.url), 'utf8').replace(
      '/etc/instance-ha/overcloudrc',
      '/no/such/file',
    );
    const run: RunTool = async (tool) => (tool === 'cibadmin' ? exits(0, cib) : exits(1, '', 'no'));
    const facts = await gatherFacts({ run, local, now: () => 0, progress: () => {} });
    expect(facts.login).toMatchObject({
      known: true,
      value: { state: 'refused', error: { code: 'config' } },
    });
  });
});

describe('a node', () => {
  const answered = async (stdout: string, exitCode = 0, stderr = '') =>
    (await gatherNodes(async () => exits(exitCode, stdout, stderr), ['compute-0'])).get('compute-0');

  it('is asked by ssh with keys only, by a script on standard input', async () => {
    const calls: string[] = [];
    const run: RunTool = async (tool, args, { input }) => {
      calls.push([tool, ...args].join(' '), input ?? '');
      return exits(0, 'end\n');
    };
    await gatherNodes(run, ['compute-0', '-oProxyCommand=x']);
    expect(calls).toEqual([
      'ssh -o BatchMode=yes -o ConnectTimeout=5 compute-0 sh -s',
      expect.stringContaining('missing $file'),
    ]);
  });

  it('says its release, what is missing, and what matters of nova.conf', async () => {
    const text =
      'version 0.1.0\nmissing /usr/sbin/fence_compute\nconf /etc/nova/nova.conf\nline host = a\nfilesystem nfs\nend\n';
    expect(await answered(text)).toEqual({
      known: true,
      value: {
        version: '0.1.0',
        missing: ['/usr/sbin/fence_compute'],
        novaConf: { path: '/etc/nova/nova.conf', lines: ['host = a'] },
        instancesOn: 'nfs',
      },
    });
  });

  it('that was not reached, or broke off, is unknown', async () => {
    expect(await answered('', 255, 'Permission denied (publickey).')).toEqual({
      known: false,
      reason: 'Permission denied (publickey).',
    });
    expect(await answered('version 0.1.0\n')).toMatchObject({ known: false });
  });

  it('answers the script itself', async () => {
    const script = await new Promise<string>((resolve) => {
      void gatherNodes(
        async (_tool, _args, { input }) => {
          resolve(input ?? '');
          return exits(0, 'end\n');
        },
        ['compute-0'],
      );
    });
    const out = execFileSync('sh', ['-s'], { input: script, encoding: 'utf8' });
    expect(await answered(out)).toMatchObject({ known: true });
  });
});

describe('a power device', () => {
  it('is asked as Pacemaker would, on standard input, and its secrets are not repeated', async () => {
    const calls: string[] = [];
    const run: RunTool = async (tool, args, { input }) => {
      calls.push(`${[tool, ...args].join(' ')}\n${input}`);
      return input?.includes('192.0.2.120') ? exits(2) : exits(1, '', 'login with hunter2 failed');
    };
    const configuration = configurationOf((xml) =>
      xml.replaceAll(
        'name="passwd_script" value="/etc/instance-ha/bmc/ipmilan-compute-1"',
        'name="password" value="hunter2"',
      ),
    );
    const answers = await gatherPower(run, configuration, ['compute-0', 'compute-1']);
    expect(answers).toMatchObject([
      { node: 'compute-0', state: 'off' },
      { node: 'compute-1', state: 'failed', detail: 'login with *** failed' },
    ]);
    expect(calls[0]).toBe(
      'fence_ipmilan\naction=status\nnodename=compute-0\nusername=admin\nlanplus=1\nip=192.0.2.120\npasswd_script=/etc/instance-ha/bmc/ipmilan-compute-0\nport=compute-0\n',
    );
  });

  it('that turns nothing off is none', async () => {
    const configuration = configurationOf((xml) =>
      xml.replaceAll('type="fence_ipmilan"', 'type="fence_dummy"'),
    );
    expect(await gatherPower(async () => exits(0), configuration, ['compute-0'])).toEqual([]);
  });

  it('whose secrets cibsecret keeps is not asked', async () => {
    const configuration = configurationOf((xml) =>
      xml.replaceAll(/name="passwd_script" value="[^"]*"/g, 'name="password" value="lrm://"'),
    );
    const answers = await gatherPower(async () => exits(0), configuration, ['compute-0']);
    expect(answers).toMatchObject([{ state: 'not-asked' }]);
  });
});
