import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fenceMetadata, GENERAL_PARAMETERS } from '../pacemaker/fence-agent.ts';
import { attributeOf, childrenOf, descendantsOf, parseDocument } from '../pacemaker/xml.ts';
import { FENCE_COMPUTE } from './fence-tables.ts';

/** The general options beside those of an agent that every fencer knows: the real fence_ipmilan of this machine. */
const PEER = '/usr/sbin/fence_ipmilan';
const METADATA_CHARS = 1_000_000;
const metadataOfPeer = spawnSync(PEER, ['-o', 'metadata'], { encoding: 'utf8' });
const hasPeer = metadataOfPeer.status === 0;

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

  it.each([
    ['its version', ['-V'], ''],
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
  ])('ends with the same exit code: %s', (_, args, input) => {
    const call = (program: string) => spawnSync(program, args, { input, encoding: 'utf8', timeout: 20_000 });
    const [own, theirs] = [call(ours), call(PEER)];
    expect(own.status, own.stderr + theirs.stderr).toBe(theirs.status);
  });
});
