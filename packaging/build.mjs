// node packaging/build.mjs [--out DIRECTORY] [--runtime NODE] [--only deb|rpm]
//
// Makes DIRECTORY (dist/packages)/instance-ha_VERSION_ARCH.deb, .rpm and the SBOM. NODE is the program that is packed
// as the agents' own runtime (this one). Two builds of one commit with one NODE are equal, byte by byte: every
// time in them is that of the commit (SOURCE_DATE_EPOCH).

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

const { values: options } = parseArgs({
  options: { out: { type: 'string' }, runtime: { type: 'string' }, only: { type: 'string' } },
});
const out = resolve(options.out ?? 'dist/packages');
const runtime = options.runtime ?? process.execPath;
const work = join(out, 'work');
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const epoch = Number(
  process.env.SOURCE_DATE_EPOCH ??
    execFileSync('git', ['log', '-1', '--format=%ct'], { encoding: 'utf8' }).trim(),
);
const ARCHITECTURES = { x64: { deb: 'amd64', rpm: 'x86_64' }, arm64: { deb: 'arm64', rpm: 'aarch64' } };
const architecture = ARCHITECTURES[process.arch];
if (architecture === undefined) throw new Error(`no package for ${process.arch}`);

const MAINTAINER = 'instance-ha maintainers <instance-ha@localhost>';
const HOME = 'usr/lib/instance-ha';
/** Files that stock packages have too. */
const DIVERTED = [
  'usr/sbin/fence_compute',
  'usr/sbin/fence_evacuate',
  'usr/lib/ocf/resource.d/openstack/NovaCompute',
  'usr/lib/ocf/resource.d/openstack/NovaEvacuate',
  'usr/lib/ocf/resource.d/openstack/nova-compute-wait',
  'usr/share/man/man8/fence_compute.8.gz',
  'usr/share/man/man8/fence_evacuate.8.gz',
];

function run(program, args, more = {}) {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch), LC_ALL: 'C', TZ: 'UTC' },
    maxBuffer: 64 * 1024 * 1024,
    ...more,
  });
}

function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? filesBelow(path) : [path];
    })
    .sort();
}

async function put(tree, path, content, mode = 0o644) {
  const target = join(tree, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, content);
  await chmod(target, mode);
}

/** The packages that are bundled: which ones the lock file says, since `npm sbom --omit dev` leaves out one that a tool has too. */
function bundled() {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .map(([path, { version: its }]) => ({ path, ref: `${path.replace(/^.*node_modules\//, '')}@${its}` }));
}

/** The SBOM of what is packed: npm's own, without the time and the random number in it, with the runtime added. */
function sbom(runtimeVersion) {
  const full = JSON.parse(run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only']));
  const packed = new Set(bundled().map(({ ref }) => ref));
  const { serialNumber: _, ...rest } = full;
  const { component } = full.metadata;
  const runtimeRef = `node@${runtimeVersion}`;
  return {
    ...rest,
    metadata: {
      ...full.metadata,
      timestamp: new Date(epoch * 1000).toISOString(),
      // npm takes the name of the directory.
      component: { ...component, name: 'instance-ha' },
    },
    components: [
      ...full.components.filter((each) => packed.has(each['bom-ref'])),
      {
        'bom-ref': runtimeRef,
        type: 'application',
        name: 'node',
        version: runtimeVersion,
        purl: `pkg:generic/${runtimeRef}`,
        licenses: [{ license: { id: 'MIT' } }],
        hashes: [
          { alg: 'SHA-256', content: createHash('sha256').update(readFileSync(runtime)).digest('hex') },
        ],
      },
    ],
    dependencies: [
      ...full.dependencies
        .filter(({ ref }) => ref === component['bom-ref'] || packed.has(ref))
        .map(({ ref, dependsOn }) => {
          const theirs = dependsOn.filter((each) => packed.has(each));
          return { ref, dependsOn: ref === component['bom-ref'] ? [...theirs, runtimeRef] : theirs };
        }),
      { ref: runtimeRef, dependsOn: [] },
    ],
  };
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice)(\.|$)/i;

/** Our licence, and those of all that is packed: most want their text to go with every copy. */
function copyright(runtimeVersion) {
  const parts = [readFileSync('LICENSE', 'utf8')];
  for (const { path, ref } of bundled()) {
    const texts = readdirSync(path).filter((name) => LICENCE_FILE.test(name));
    if (texts.length === 0) throw new Error(`${path} has no licence file: what may be done with it?`);
    const text = texts.map((name) => readFileSync(join(path, name), 'utf8')).join('\n');
    parts.push(`Parts of the programs are from ${ref}, an npm package:\n\n${text}`);
  }
  // Where Node's own archives have it, and where Debian's package has it.
  const prefix = dirname(dirname(realpathSync(runtime)));
  const file = [join(prefix, 'LICENSE'), '/usr/share/doc/nodejs/LICENSE'].find((each) => existsSync(each));
  const text =
    file === undefined
      ? 'MIT, and more: https://github.com/nodejs/node/blob/main/LICENSE\n'
      : readFileSync(file, 'utf8');
  parts.push(`${HOME}/bin/node is Node.js ${runtimeVersion}:\n\n${text}`);
  return parts.join(`\n${'-'.repeat(78)}\n\n`);
}

/** The tree as it is on a machine. */
async function makeTree(tree) {
  run(process.execPath, ['scripts/build.mjs', '--out', join(work, 'build'), '--node', `/${HOME}/bin/node`]);
  await cp(join(work, 'build/layer'), tree, { recursive: true });
  await mkdir(join(tree, HOME, 'bin'), { recursive: true });
  await copyFile(runtime, join(tree, HOME, 'bin/node'));
  await chmod(join(tree, HOME, 'bin/node'), 0o755);
  const runtimeVersion = run(runtime, ['--version']).trim().replace(/^v/, '');
  if (Number(runtimeVersion.split('.')[0]) < 20)
    throw new Error(`${runtime} is Node ${runtimeVersion}; 20 is the oldest`);
  for (const page of filesBelow(join(tree, 'usr/share/man'))) {
    await writeFile(`${page}.gz`, gzipSync(readFileSync(page), { level: 9 }));
    await rm(page);
  }
  await put(tree, 'etc/logrotate.d/instance-ha', readFileSync('packaging/files/instance-ha.logrotate'));
  await put(
    tree,
    'usr/lib/tmpfiles.d/instance-ha.conf',
    readFileSync('packaging/files/instance-ha.tmpfiles'),
  );
  const documents = 'usr/share/doc/instance-ha';
  await put(tree, `${documents}/copyright`, copyright(runtimeVersion));
  await put(tree, `${documents}/README.md`, readFileSync('README.md'));
  await put(tree, `${documents}/CHANGELOG.md.gz`, gzipSync(readFileSync('CHANGELOG.md'), { level: 9 }));
  await put(tree, `${documents}/sbom.cdx.json`, `${JSON.stringify(sbom(runtimeVersion), null, 2)}\n`);
  for (const name of [
    'docs/policy.example.yaml',
    'packaging/monitoring/instance-ha.rules.yml',
    'packaging/monitoring/instance-ha.dashboard.json',
  ]) {
    if (existsSync(name))
      await put(tree, `${documents}/examples/${name.split('/').at(-1)}`, readFileSync(name));
  }
  for (const guide of filesBelow('docs').filter((file) => file.endsWith('.md'))) {
    await put(tree, `${documents}/${guide}`, readFileSync(guide));
  }
  await mkdir(join(tree, 'etc/instance-ha'), { recursive: true, mode: 0o700 });
  await chmod(join(tree, 'etc/instance-ha'), 0o700);
}

/** Every time becomes that of the commit. */
async function settle(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (path !== join(directory, 'etc/instance-ha') && !path.endsWith('/etc/instance-ha'))
        await chmod(path, 0o755);
      await settle(path);
    } else {
      await utimes(path, epoch, epoch);
    }
  }
  await utimes(directory, epoch, epoch);
}

const fill = (text, values) => text.replaceAll(/@([A-Z]+)@/g, (_, name) => values[name]);

async function makeDeb(tree) {
  const root = join(work, 'deb');
  await cp(tree, root, { recursive: true });
  const installedKib = Math.ceil(filesBelow(root).reduce((sum, file) => sum + statSync(file).size, 0) / 1024);
  const control = [
    'Package: instance-ha',
    `Version: ${version}`,
    `Architecture: ${architecture.deb}`,
    `Maintainer: ${MAINTAINER}`,
    `Installed-Size: ${installedKib}`,
    'Depends: libc6 (>= 2.28), libstdc++6 (>= 8)',
    'Recommends: pacemaker-cli-utils, logrotate',
    'Suggests: fence-agents, resource-agents',
    'Section: admin',
    'Priority: optional',
    'Description: Instance high availability for OpenStack on Pacemaker',
    ' The agents fence_compute, fence_evacuate, NovaEvacuate, nova-compute-wait and',
    ' NovaCompute, and the evacuator, with the Node.js runtime that they run with.',
    ' Stock agents of the same names are diverted and come back at the removal.',
    '',
  ].join('\n');
  await put(root, 'DEBIAN/control', control);
  await put(root, 'DEBIAN/conffiles', '/etc/logrotate.d/instance-ha\n');
  const when = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  const changes = `instance-ha (${version}) unstable; urgency=medium\n\n  * What changed: CHANGELOG.md.gz beside this file.\n\n -- ${MAINTAINER}  ${when}\n`;
  await put(root, 'usr/share/doc/instance-ha/changelog.gz', gzipSync(changes, { level: 9 }));
  await put(
    root,
    'usr/share/lintian/overrides/instance-ha',
    readFileSync('packaging/deb/instance-ha.lintian-overrides'),
  );
  for (const script of ['preinst', 'postinst', 'prerm', 'postrm']) {
    const text = fill(readFileSync(`packaging/deb/${script}`, 'utf8'), { DIVERTED: DIVERTED.join(' ') });
    await put(root, `DEBIAN/${script}`, text, 0o755);
  }
  await settle(root);
  const file = join(out, `instance-ha_${version}_${architecture.deb}.deb`);
  run('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', root, file]);
  return file;
}

async function makeRpm(tree) {
  const root = join(work, 'rpm-tree');
  await cp(tree, root, { recursive: true });
  for (const path of DIVERTED) {
    await mkdir(dirname(join(root, HOME, 'instead', path)), { recursive: true });
    await rename(join(root, path), join(root, HOME, 'instead', path));
  }
  for (const path of [
    'usr/lib/ocf/resource.d/openstack',
    'usr/lib/ocf/resource.d',
    'usr/lib/ocf',
    'usr/sbin',
    'usr/share/man/man8',
  ]) {
    if (readdirSync(join(root, path)).length === 0) await rm(join(root, path), { recursive: true });
  }
  await put(
    root,
    `${HOME}/divert`,
    fill(readFileSync('packaging/rpm/divert', 'utf8'), { DIVERTED: DIVERTED.join(' ') }),
    0o755,
  );
  await settle(root);
  const documents = '/usr/share/doc/instance-ha';
  const files = filesBelow(root)
    .map((file) => `/${relative(root, file)}`)
    .filter((path) => !path.startsWith(`/${HOME}/`) && !path.startsWith(documents))
    .map((path) => (path.startsWith('/etc/') ? `%config(noreplace) ${path}` : path));
  const spec = join(work, 'instance-ha.spec');
  await writeFile(
    spec,
    fill(readFileSync('packaging/rpm/instance-ha.spec', 'utf8'), {
      VERSION: version,
      ARCH: architecture.rpm,
      TREE: root,
      FILES: [`/${HOME}`, `%doc ${documents}`, '%dir %attr(0700,root,root) /etc/instance-ha', ...files].join(
        '\n',
      ),
    }),
  );
  const top = join(work, 'rpmbuild');
  const macros = {
    _topdir: top,
    _rpmdir: join(top, 'RPMS'),
    _buildhost: 'reproducible',
    clamp_mtime_to_source_date_epoch: '1',
    use_source_date_epoch_as_buildtime: '1',
    source_date_epoch_from_changelog: '0',
    _build_id_links: 'none',
    debug_package: '%{nil}',
    __os_install_post: '%{nil}',
    _binary_payload: 'w6.xzdio',
  };
  const defines = Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  run('rpmbuild', ['-bb', '--quiet', '--nodeps', '--target', `${architecture.rpm}-linux`, ...defines, spec]);
  const built = filesBelow(join(top, 'RPMS')).find((file) => file.endsWith('.rpm'));
  const file = join(out, `instance-ha-${version}-1.${architecture.rpm}.rpm`);
  await rename(built, file);
  return file;
}

await rm(work, { recursive: true, force: true });
await mkdir(work, { recursive: true });
const tree = join(work, 'tree');
await makeTree(tree);
await copyFile(
  join(tree, 'usr/share/doc/instance-ha/sbom.cdx.json'),
  join(out, `instance-ha-${version}.cdx.json`),
);
for (const [kind, make] of [
  ['deb', makeDeb],
  ['rpm', makeRpm],
]) {
  if (options.only !== undefined && options.only !== kind) continue;
  const file = await make(tree);
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  console.log(`${digest}  ${relative(process.cwd(), file)}`);
}
await rm(work, { recursive: true, force: true });
