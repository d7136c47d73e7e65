import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

/** The packages, installed into a directory: with a runtime of one line, since the real one takes a minute to pack. */
const directory = mkdtempSync(join(tmpdir(), 'instance-ha-packages-'));
const runtime = join(directory, 'node');
const root = join(directory, 'root');
const version: string = JSON.parse(readFileSync('package.json', 'utf8')).version;
const isRoot = process.getuid?.() === 0;
const has = (program: string): boolean => spawnSync('which', [program]).status === 0;
const canDeb = isRoot && has('dpkg-deb') && has('dpkg-divert');
const canRpm = isRoot && has('rpmbuild');
/** What stands on a machine before: stock agents, and one that is not there. */
const STOCK = [
  'usr/sbin/fence_compute',
  'usr/sbin/fence_evacuate',
  'usr/lib/ocf/resource.d/openstack/NovaEvacuate',
];

interface Sbom {
  readonly metadata: { readonly component: { readonly 'bom-ref': string } };
  readonly components: readonly {
    readonly 'bom-ref': string;
    readonly name: string;
    readonly purl: string;
    readonly licenses: readonly { readonly license: { readonly id: string } }[];
    readonly hashes: readonly { readonly content: string }[];
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

function pack(name: string, only: string): string {
  const out = join(directory, name);
  execFileSync(
    process.execPath,
    ['packaging/build.mjs', '--out', out, '--runtime', runtime, '--only', only],
    {
      stdio: 'pipe',
      env: { ...process.env, SOURCE_DATE_EPOCH: '1790000000' },
    },
  );
  const file = readdirSync(out).find((each) => each.endsWith(`.${only}`));
  return join(out, file ?? '');
}

function filesBelow(where: string): string[] {
  return readdirSync(where, { withFileTypes: true }).flatMap((entry) => {
    const path = join(where, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** Runs a program of the package with /usr as the package has it. */
function inRoot(line: string): string {
  const script = `mount -t overlay agents -o "lowerdir=${root}/usr:/usr" /usr && ${line}`;
  return execFileSync('unshare', ['-m', '--propagation', 'private', 'bash', '-c', script], {
    encoding: 'utf8',
  });
}

beforeAll(() => {
  writeFileSync(runtime, `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  for (const path of [...STOCK, 'var/lib/dpkg/status']) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), path.startsWith('usr') ? `stock ${path}` : '');
  }
  for (const path of ['var/lib/dpkg/info', 'var/lib/dpkg/updates']) mkdirSync(join(root, path));
});

const isStock = (path: string): boolean => readFileSync(join(root, path), 'latin1') === `stock ${path}`;

describe.skipIf(!canDeb)('the .deb', () => {
  let deb: string;
  beforeAll(() => {
    deb = pack('one', 'deb');
  }, 120_000);

  const dpkg = (...args: string[]) =>
    spawnSync(
      'dpkg',
      [
        `--root=${root}`,
        '--force-not-root',
        '--force-script-chrootless',
        '--force-depends',
        '--log=/dev/null',
        ...args,
      ],
      { encoding: 'utf8' },
    );

  it('is the same when it is built again', () => {
    expect(readFileSync(pack('two', 'deb')).equals(readFileSync(deb))).toBe(true);
  }, 120_000);

  it('installs, runs with its own runtime, and brings the stock agents back when it goes', () => {
    expect(dpkg('-i', deb)).toMatchObject({ status: 0 });
    for (const path of STOCK) expect(isStock(path), path).toBe(false);
    expect(inRoot('/usr/sbin/fence_compute -o metadata')).toContain('<resource-agent name="fence_compute"');
    expect(inRoot('/usr/sbin/fence_evacuate -V').trim()).toBe(version);
    for (const name of ['NovaEvacuate', 'nova-compute-wait', 'NovaCompute']) {
      expect(inRoot(`/usr/lib/ocf/resource.d/openstack/${name} meta-data`)).toContain(`name="${name}"`);
    }
    expect(inRoot('head -n 1 /usr/sbin/fence_compute').trim()).toBe('#!/usr/lib/instance-ha/bin/node');
    expect(dpkg('-r', 'instance-ha')).toMatchObject({ status: 0 });
    for (const path of STOCK) expect(isStock(path), path).toBe(true);
    expect(filesBelow(join(root, 'usr')).sort()).toEqual(STOCK.map((path) => join(root, path)).sort());
    expect(existsSync(join(root, 'usr/lib/instance-ha'))).toBe(false);
  });

  it('leaves the stock agents in their place until its own are there, and keeps them through an upgrade', () => {
    const scripts = join(directory, 'control');
    execFileSync('dpkg-deb', ['-e', deb, scripts]);
    const preinst = (action: string): void =>
      void execFileSync('sh', [join(scripts, 'preinst'), action], {
        env: { ...process.env, DPKG_ROOT: root, DPKG_ADMINDIR: join(root, 'var/lib/dpkg') },
      });
    preinst('install');
    for (const path of STOCK) expect(isStock(path), path).toBe(true);
    expect(dpkg('-i', deb)).toMatchObject({ status: 0 });
    preinst('upgrade');
    for (const path of STOCK) {
      expect(isStock(path), path).toBe(false);
      expect(readFileSync(join(root, 'usr/lib/instance-ha/stock', path), 'utf8')).toBe(`stock ${path}`);
    }
  });

  it('is upgraded in place; the purge leaves what is the operator’s', () => {
    expect(dpkg('-i', deb)).toMatchObject({ status: 0 });
    mkdirSync(join(root, 'run/resource-agents/instance-ha-nova'), { recursive: true });
    writeFileSync(join(root, 'run/resource-agents/instance-ha-nova/status.json'), '{}');
    const again = dpkg('-i', deb);
    expect(again.status).toBe(0);
    expect(again.stdout).toContain('keeps the old version until it is restarted');
    for (const path of STOCK) expect(isStock(path), path).toBe(false);
    // Not while the evacuator runs.
    expect(dpkg('-r', 'instance-ha').status).not.toBe(0);
    expect(inRoot('/usr/sbin/fence_compute -V').trim()).toBe(version);
    rmSync(join(root, 'run/resource-agents'), { recursive: true });
    writeFileSync(join(root, 'etc/instance-ha/overcloudrc'), 'x');
    mkdirSync(join(root, 'var/log/instance-ha'), { recursive: true });
    expect(dpkg('-P', 'instance-ha').status).toBe(0);
    for (const path of STOCK) expect(isStock(path), path).toBe(true);
    expect(existsSync(join(root, 'var/log/instance-ha'))).toBe(false);
    expect(filesBelow(join(root, 'etc'))).toEqual([join(root, 'etc/instance-ha/overcloudrc')]);
  });

  it('holds nothing that others may write, credentials’ directory for root alone, and its SBOM', () => {
    expect(dpkg('-i', deb)).toMatchObject({ status: 0 });
    for (const file of filesBelow(join(root, 'usr'))) expect(statSync(file).mode & 0o022, file).toBe(0);
    expect(statSync(join(root, 'etc/instance-ha')).mode & 0o777).toBe(0o700);
    const sbom = JSON.parse(readFileSync(join(root, 'usr/share/doc/instance-ha/sbom.cdx.json'), 'utf8'));
    const names = sbom.components.map((each: { name: string }) => each.name);
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
    for (const name of [...Object.keys(dependencies), 'node']) expect(names).toContain(name);
    expect(names).not.toContain('vitest');
  });

  it('has an SBOM in which everything is named once, has a licence and a digest, and hangs on us', () => {
    expect(dpkg('-i', deb)).toMatchObject({ status: 0 });
    const sbom: Sbom = JSON.parse(
      readFileSync(join(root, 'usr/share/doc/instance-ha/sbom.cdx.json'), 'utf8'),
    );
    expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1 });
    const own = sbom.metadata.component['bom-ref'];
    const refs = sbom.components.map((each) => each['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    for (const { name, purl, licenses, hashes } of sbom.components) {
      expect(purl, name).toMatch(/^pkg:(npm|generic)\/[\w.%/-]+@\d+\.\d+\.\d+/);
      expect(licenses.map(({ license }) => license.id).join(), name).toMatch(/^(MIT|ISC|Apache-2\.0)$/);
      expect(hashes[0]?.content, name).toMatch(/^([0-9a-f]{64}|[0-9a-f]{128})$/);
    }
    const below = new Map(sbom.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
    expect([...below.keys()].sort()).toEqual([own, ...refs].sort());
    const reached = new Set<string>();
    const walk = (ref: string): void => {
      if (reached.has(ref)) return;
      reached.add(ref);
      for (const each of below.get(ref) ?? []) walk(each);
    };
    walk(own);
    expect([...reached].sort()).toEqual([own, ...refs].sort());
  });

  it('has the licence of everything that is in it', () => {
    expect(dpkg('-i', deb)).toMatchObject({ status: 0 });
    const documents = join(root, 'usr/share/doc/instance-ha');
    const copyright = readFileSync(join(documents, 'copyright'), 'utf8');
    const sbom: Sbom = JSON.parse(readFileSync(join(documents, 'sbom.cdx.json'), 'utf8'));
    expect(copyright).toContain('Apache License');
    expect(copyright).toContain('bin/node is Node.js');
    const parts = copyright.split('Parts of the programs are from ').slice(1);
    const named = parts.map((part) => part.split(',')[0]);
    const packages = sbom.components.filter(({ name }) => name !== 'node').map((each) => each['bom-ref']);
    expect(named.sort()).toEqual(packages.sort());
    for (const part of parts) expect(part).toMatch(/Permission|permission/);
  });

  it.skipIf(!has('man'))(
    'has manual pages without a warning',
    () => {
      expect(dpkg('-i', deb)).toMatchObject({ status: 0 });
      const pages = filesBelow(join(root, 'usr/share/man'));
      expect(pages.length).toBeGreaterThan(20);
      for (const page of pages) {
        const shown = spawnSync('man', ['--warnings', '-l', page], {
          encoding: 'utf8',
          env: { ...process.env, MANPAGER: 'cat', LC_ALL: 'C.UTF-8' },
        });
        expect(shown, page).toMatchObject({ status: 0, stderr: '' });
        expect(shown.stdout).toContain('NAME');
      }
    },
    60_000,
  );

  const completion = '/usr/share/bash-completion/bash_completion';

  it.skipIf(!existsSync(completion))('completes in bash', () => {
    expect(dpkg('-i', deb)).toMatchObject({ status: 0 });
    const complete = (...words: string[]): string =>
      inRoot(
        `bash --norc -c '. ${completion}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _completion_loader "$1"; f=$(complete -p "$1" | sed "s/.*-F \\([^ ]*\\).*/\\1/"); $f; echo "\${COMPREPLY[*]}"' bash ${words.map((word) => `"${word}"`).join(' ')}`,
      ).trim();
    expect(complete('instance-ha', 'conf')).toBe('confirm-fenced configure');
    expect(complete('instance-ha', 'configure', 'show', '--as', '')).toBe('text xml pcs crm');
    expect(complete('fence_compute', '-o', 'st')).toBe('status');
    expect(complete('fence_evacuate', '--plug-s')).toBe('--plug-separator');
  });

  it.skipIf(!has('lintian'))(
    'is a package of which lintian has no error',
    () => {
      const said = spawnSync('lintian', ['--allow-root', '--fail-on', 'error', deb], { encoding: 'utf8' });
      expect(said.status, said.stdout).toBe(0);
    },
    60_000,
  );
});

describe('what the packages bring beside the agents', () => {
  const installed = join(directory, 'files');
  beforeAll(() => mkdirSync(installed, { recursive: true }));

  it.skipIf(!isRoot || !has('logrotate'))('rotates the log as logrotate understands it', () => {
    const config = join(installed, 'logrotate');
    writeFileSync(config, readFileSync('packaging/files/instance-ha.logrotate'), { mode: 0o644 });
    const checked = spawnSync('logrotate', ['--debug', config], { encoding: 'utf8' });
    expect(checked.status, checked.stderr).toBe(0);
    expect(checked.stderr).not.toMatch(/error|unknown/);
    expect(checked.stderr).toContain('/var/log/instance-ha/*.log');
  });

  it.skipIf(!isRoot || !has('systemd-tmpfiles'))(
    'makes its directories as systemd-tmpfiles understands it',
    () => {
      const target = join(installed, 'root');
      mkdirSync(target, { recursive: true });
      const made = spawnSync(
        'systemd-tmpfiles',
        ['--create', `--root=${target}`, join(process.cwd(), 'packaging/files/instance-ha.tmpfiles')],
        { encoding: 'utf8' },
      );
      expect(made.status, made.stderr).toBe(0);
      expect(statSync(join(target, 'var/log/instance-ha')).mode & 0o777).toBe(0o750);
      expect(statSync(join(target, 'var/lib/instance-ha')).mode & 0o777).toBe(0o750);
    },
  );
});

describe.skipIf(!canRpm)('the .rpm', () => {
  let rpm: string;
  beforeAll(() => {
    rpm = pack('rpm-one', 'rpm');
  }, 120_000);
  const divert = (action: string): void =>
    void execFileSync('sh', [join(root, 'usr/lib/instance-ha/divert'), action, root]);

  it('is the same when it is built again', () => {
    expect(readFileSync(pack('rpm-two', 'rpm')).equals(readFileSync(rpm))).toBe(true);
  }, 120_000);

  it('lays its agents over the stock ones, again after these were updated, and takes them away', () => {
    execFileSync('rpm', [
      '--root',
      root,
      '--nodeps',
      '--noscripts',
      '--notriggers',
      '--nosignature',
      '-i',
      rpm,
    ]);
    for (const path of STOCK) expect(isStock(path), path).toBe(true);
    divert('add');
    divert('add');
    expect(lstatSync(join(root, 'usr/lib/ocf/resource.d/openstack/NovaCompute')).isSymbolicLink()).toBe(true);
    expect(inRoot('/usr/sbin/fence_compute -o metadata')).toContain('<resource-agent name="fence_compute"');
    expect(inRoot('/usr/lib/ocf/resource.d/openstack/NovaEvacuate meta-data')).toContain('NovaEvacuate');
    // An update of the stock package puts its file over our link; the trigger calls divert again.
    rmSync(join(root, 'usr/sbin/fence_compute'));
    writeFileSync(join(root, 'usr/sbin/fence_compute'), 'stock usr/sbin/fence_compute');
    divert('add');
    expect(inRoot('/usr/sbin/fence_compute -V').trim()).toBe(version);
    divert('remove');
    execFileSync('rpm', ['--root', root, '--noscripts', '--notriggers', '-e', 'instance-ha']);
    for (const path of STOCK) expect(isStock(path), path).toBe(true);
    expect(filesBelow(join(root, 'usr')).sort()).toEqual(STOCK.map((path) => join(root, path)).sort());
  });

  it('installs, upgrades and goes by its own scriptlets, on what is a machine with stock agents', () => {
    const copy = join(directory, 'copy');
    mkdirSync(copy, { recursive: true });
    // A root of its own: an overlay of this machine that nothing outlives.
    const enter = `mount -t tmpfs tmpfs ${copy} && mkdir ${copy}/up ${copy}/work ${copy}/root &&
      mount -t overlay x -o lowerdir=/,upperdir=${copy}/up,workdir=${copy}/work ${copy}/root && cd ${copy}/root &&
      for each in proc dev sys; do mount --rbind /$each $each; done && exec chroot ${copy}/root bash -e -c "$1"`;
    const steps = `
      agents=/usr/lib/ocf/resource.d/openstack; mkdir -p $agents /run/resource-agents/instance-ha-nova
      rm -rf /var/lib/rpm; echo stock > $agents/NovaEvacuate; echo stock > /usr/sbin/fence_compute
      rpm --nodeps -i ${rpm}
      fence_compute -V; $agents/NovaEvacuate meta-data | grep '<resource-agent'; rpm -V --nodeps instance-ha
      echo {} > /run/resource-agents/instance-ha-nova/status.json
      rpm --nodeps -U --force ${rpm}
      rpm -e instance-ha && exit 1
      fence_compute -V; rm /run/resource-agents/instance-ha-nova/status.json
      rpm -e instance-ha
      cat $agents/NovaEvacuate /usr/sbin/fence_compute; ls /usr/lib/instance-ha && exit 1; echo gone`;
    const done = spawnSync('unshare', ['-m', '--propagation', 'private', 'bash', '-c', enter, 'x', steps], {
      encoding: 'utf8',
    });
    expect(done.status, done.stderr).toBe(0);
    expect(done.stdout.split('\n')).toEqual([
      version,
      expect.stringContaining('name="NovaEvacuate"'),
      expect.stringContaining('keeps the old version until it is restarted'),
      expect.stringContaining('crm_resource --restart'),
      version,
      'stock',
      'stock',
      'gone',
      '',
    ]);
    expect(done.stderr).toContain('take its resource out of the cluster first');
  }, 60_000);

  it('has scriptlets and triggers that call divert', () => {
    const scripts = execFileSync('rpm', ['-qp', '--scripts', '--triggers', rpm], { encoding: 'utf8' });
    expect(scripts.match(/divert add/g)?.length).toBeGreaterThanOrEqual(3);
    expect(scripts).toContain('divert remove');
  });

  it('refuses to go while the evacuator runs', () => {
    const preun = execFileSync('rpm', ['-qp', '--qf', '%{PREUN}', rpm], { encoding: 'utf8' });
    const running = join(directory, 'running');
    const inMachine = (text: string, count: string) =>
      spawnSync(
        'sh',
        [
          '-c',
          text.replaceAll('/run/', `${running}/`).replaceAll('/usr/lib/', `${running}/`),
          'preun',
          count,
        ],
        {
          encoding: 'utf8',
        },
      );
    mkdirSync(join(running, 'instance-ha'), { recursive: true });
    writeFileSync(join(running, 'instance-ha/divert'), '#!/bin/sh\n', { mode: 0o755 });
    expect(inMachine(preun, '0')).toMatchObject({ status: 0, stderr: '' });
    mkdirSync(join(running, 'resource-agents/instance-ha-nova'), { recursive: true });
    writeFileSync(join(running, 'resource-agents/instance-ha-nova/status.json'), '{}');
    const refused = inMachine(preun, '0');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('take its resource out of the cluster first');
    // An upgrade removes the old package too, with 1: the new one is there.
    expect(inMachine(preun, '1').status).toBe(0);
  });
});
