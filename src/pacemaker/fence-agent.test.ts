import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FENCE_COMPUTE, FENCE_EVACUATE } from '../agents/fence-tables.ts';
import {
  fenceHelp,
  fenceMetadata,
  fenceProblems,
  GENERAL_PARAMETERS,
  parseFenceArguments,
  parseFenceStdin,
} from './fence-agent.ts';
import { parseDocument } from './xml.ts';

const SCHEMA = '/usr/share/cluster/relaxng/metadata.rng';
const stdin = (text: string) => parseFenceStdin(FENCE_COMPUTE, text);
const argv = (...words: string[]) => parseFenceArguments(FENCE_COMPUTE, words);

describe('standard input', () => {
  it('takes what Pacemaker writes, without a warning', () => {
    const request = stdin(
      'action=off\nnodename=compute-1\nplug=compute-1\nport=compute-1\nnodeid=4\npcmk_host_list=a b\nauth_url=http://k:5000/v3?a=b\n',
    );
    expect(request).toMatchObject({ action: 'off', warnings: [] });
    expect(Object.fromEntries(request.values)).toEqual({
      action: 'off',
      nodename: 'compute-1',
      plug: 'compute-1',
      auth_url: 'http://k:5000/v3?a=b',
    });
  });

  it('knows the old names, dashes, comments and blank lines', () => {
    const request = stdin(
      '# me\n\n  login = admin \npasswd=s3 = cret\nuser-domain=D\ncompute-domain=x\noption=list\nport=p\n',
    );
    expect(Object.fromEntries(request.values)).toEqual({
      username: 'admin',
      password: 's3 = cret',
      user_domain: 'D',
      compute_domain: 'x',
      plug: 'p',
    });
    expect(request.action).toBe('off');
  });

  it('warns of unknown keys by name and of garbage by number, never by content', () => {
    const request = stdin('action=on\nfrobnicate=s3cret\nhunter2\n=x\n');
    expect(request.warnings).toEqual([
      '2 line(s) of standard input ignored: not key=value',
      'unknown parameter(s) ignored: frobnicate',
    ]);
  });

  it('lets the present name win over the old one', () => {
    expect(stdin('username=new\nlogin=old').values.get('username')).toBe('new');
    expect(stdin('login=old\nusername=new').values.get('username')).toBe('new');
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void stdin(text)));
    fc.assert(fc.property(fc.array(fc.string()), (words) => void argv(...words)));
  });
});

describe('command line', () => {
  it.each([
    [['-o', 'status', '-n', 'c1']],
    [['--action=status', '--plug=c1']],
    [['--action', 'status', '--port', 'c1']],
    [['-ostatus', '-nc1']],
    [['-vvo', 'status', '-n', 'c1']],
  ])('%j', (words) => {
    const parsed = argv(...words);
    expect(parsed).toMatchObject({ ok: true, value: { action: 'status' } });
    expect(parsed.ok && parsed.value.values.get('plug')).toBe('c1');
  });

  it.each([
    ['enable', 'on'],
    ['DISABLE', 'off'],
    ['meta-data', 'metadata'],
  ])('reads action %s as %s', (word, action) => {
    expect(argv('-o', word)).toMatchObject({ ok: true, value: { action } });
  });

  it('takes one pair of quotes away on standard input, as fence-agents does', () => {
    expect(stdin('password="a b"\nplug=""c""').values.get('password')).toBe('a b');
    expect(stdin('plug=""c""').values.get('plug')).toBe('"c"');
  });

  it('knows abbreviations that are unambiguous, and ignores what is no option', () => {
    expect(argv('--act', 'status', '--plug=c1', 'stray', '--', '-x')).toMatchObject({
      ok: true,
      value: { action: 'status', warnings: ['2 argument(s) that are no option ignored'] },
    });
    expect(argv('--plu', 'x')).toMatchObject({ ok: false });
    expect(argv('--tenant-name', 't', '--user-domain=d', '--port', 'p')).toMatchObject({ ok: true });
  });

  it.each([
    [['-v'], undefined],
    [['-vv'], '2'],
    [['-v', '--verbose', '-v'], '3'],
    [['-vv', '--verbose-level=5'], '5'],
  ])('counts %j', (words, level) => {
    const parsed = argv(...words);
    expect(parsed.ok && parsed.value.values.get('verbose_level')).toBe(level);
  });

  it('names the option that is wrong', () => {
    expect(argv('--nonsense=1')).toEqual({ ok: false, problem: 'unknown option --nonsense' });
    expect(argv('-n')).toEqual({ ok: false, problem: 'option --plug needs a value' });
    expect(argv('-Z')).toEqual({ ok: false, problem: 'unknown option -Z' });
  });

  it('warns of a password there, without showing it', () => {
    const parsed = argv('-p', 's3cret');
    expect(parsed.ok && parsed.value.warnings).toEqual([
      '--password on a command line can be read by every user of this machine',
    ]);
  });
});

describe('what is made of the table', () => {
  it('refuses values of the wrong type and keeps secrets to itself', () => {
    expect(
      fenceProblems(FENCE_COMPUTE, stdin('insecure=perhaps\npower_wait=soon\npower_timeout=20')),
    ).toEqual([
      'insecure must be true or false (it is perhaps)',
      'power_wait must be a whole number of seconds (it is soon)',
    ]);
  });

  it('is metadata that names every parameter of the stock agent', () => {
    const xml = fenceMetadata(FENCE_COMPUTE);
    expect(parseDocument('x', xml, 1e6).ok).toBe(true);
    const stock =
      'action auth_url endpoint_type login passwd passwd_script password password_script plug port region_name tenant_name username insecure project-domain project_domain user-domain user_domain domain instance_filtering no_shared_storage record_only compute-domain compute_domain quiet verbose verbose_level debug debug_file version help plug_separator separator delay disable_timeout login_timeout power_timeout power_wait shell_timeout stonith_status_sleep retry_on';
    for (const name of stock.split(' ')) expect(xml).toContain(`<parameter name="${name}"`);
    expect(xml).toContain('<action name="on" automatic="1"/>');
    const names = [...xml.matchAll(/<parameter name="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(names).size).toBe(names.length);
  });

  it.skipIf(!existsSync(SCHEMA)).each([FENCE_COMPUTE, FENCE_EVACUATE])(
    'is valid by the schema of fence-agents: $name',
    (agent) => {
      execFileSync('xmllint', ['--noout', '--relaxng', SCHEMA, '-'], {
        input: fenceMetadata(agent),
        stdio: 'pipe',
      });
    },
  );

  it('has every option letter once', () => {
    for (const agent of [FENCE_COMPUTE, FENCE_EVACUATE]) {
      const letters = [...agent.parameters, ...GENERAL_PARAMETERS].flatMap((each) => each.letter ?? []);
      expect(new Set(letters).size).toBe(letters.length);
    }
  });

  it('is help with every option', () => {
    const help = fenceHelp(FENCE_COMPUTE);
    expect(help).toContain('-n, --plug=[id]');
    expect(help).toContain('validate-all');
  });
});
