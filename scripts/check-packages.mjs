// Checks every published package as its users get it: packed, then looked at by publint and are-the-types-wrong and
// against the house's own rules (the bounded peer on core, sideEffects, files, README, what the tarball must hold).
// Also: no tracked file names a package registry's host. Needs a build.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { checkAddon, targets } from '../packages/linux/native/compile.mjs';
import { workspaces } from './workspaces.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const corePeerRange = '>=0.1.0 <0.2.0';
const problems = [];
const problem = (name, text) => problems.push(`${name}: ${text}`);

/** What package.json must say, whatever the tools think of it. */
function checkManifest({ name, folder, manifest }) {
  if (manifest.type !== 'module') problem(name, '"type" must be "module"');
  if (manifest.sideEffects !== false) problem(name, '"sideEffects" must be false: nothing registers by being imported');
  if (!Array.isArray(manifest.files)) problem(name, '"files" is missing');
  if (manifest.engines?.node === undefined) problem(name, '"engines.node" is missing');
  if (manifest.license !== 'Apache-2.0') problem(name, '"license" must be "Apache-2.0"');
  if (manifest.exports?.['./package.json'] !== './package.json') problem(name, '"exports" must have ./package.json');
  for (const hook of ['preinstall', 'install', 'postinstall']) {
    if (manifest.scripts?.[hook] !== undefined) problem(name, `has a script ${hook}; nothing may run at install`);
  }
  const readme = path.join(folder, 'README.md');
  if (!existsSync(readme) || readFileSync(readme, 'utf8').trim().split('\n').length < 3) {
    problem(name, 'README.md is missing or says nothing');
  }
  if (name === '@overlay/core') return;
  if (manifest.dependencies?.['@overlay/core'] !== undefined) {
    problem(name, '@overlay/core must be a peer dependency, never a plain one: two copies of it would not meet');
  }
  if (manifest.peerDependencies?.['@overlay/core'] !== corePeerRange) {
    problem(name, `peerDependencies must have "@overlay/core": "${corePeerRange}"`);
  }
  if (manifest.peerDependenciesMeta?.['@overlay/core']?.optional === true)
    problem(name, '@overlay/core is not optional');
}

/** Every addon of a package must be there for every processor, and be what its name says. */
function checkAddons(name, folder, paths) {
  const addons = [...paths].filter((file) => /^prebuilds\/.*\.node$/.test(file));
  if (addons.length === 0) problem(name, 'the tarball has no prebuilt addon below prebuilds/');
  for (const addon of new Set(addons.map((file) => path.basename(file)))) {
    for (const arch of Object.keys(targets)) {
      const file = `prebuilds/linux-${arch}/${addon}`;
      try {
        if (paths.has(file)) checkAddon(path.join(folder, file), arch);
        else problem(name, `the tarball lacks ${file}`);
      } catch (error) {
        problem(name, error.message);
      }
    }
  }
}

/** What must be in the tarball. @param {{ path: string, mode: number }[]} files */
function checkFiles({ name, folder, manifest }, files) {
  const paths = new Set(files.map((file) => file.path));
  const holds = (start) => [...paths].some((file) => file.startsWith(start));
  if (!holds('dist/')) problem(name, 'the tarball has no dist/');
  if (existsSync(path.join(folder, 'native', 'build.mjs'))) checkAddons(name, folder, paths);
  for (const file of Object.values(manifest.bin ?? {})) {
    if (!paths.has(path.posix.normalize(file))) problem(name, `the tarball lacks its program ${file}`);
  }
  const foreign = [...paths].filter((file) => /(^|\/)(test|test-dist|node_modules)\/|\.tsbuildinfo$/.test(file));
  if (foreign.length > 0) problem(name, `the tarball holds what users do not need: ${foreign.slice(0, 3).join(', ')}`);
}

/** Subpaths that lead to data, which have no types. */
function dataEntries(manifest) {
  return Object.entries(manifest.exports)
    .filter(([entry, target]) => entry !== './package.json' && typeof target === 'string' && !target.endsWith('.js'))
    .map(([entry]) => entry);
}

function checkTypes({ name, manifest }, tarball) {
  const attw = path.join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
  const data = dataEntries(manifest);
  const exclude = data.length > 0 ? ['--exclude-entrypoints', ...data] : [];
  const args = [attw, tarball, '--profile', 'esm-only', '--no-emoji', '--no-color', ...exclude];
  const done = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (done.status !== 0) problem(name, `are-the-types-wrong:\n${done.stdout}${done.stderr}`);
}

async function checkWithPublint({ name, manifest }, tarball) {
  const bytes = readFileSync(tarball);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages } = await publint({ level: 'warning', strict: true, pack: { tarball: buffer } });
  for (const message of messages) problem(name, `publint: ${formatMessage(message, manifest, { color: false })}`);
}

/** Host names of package registries, spelt so that this file does not hold one. */
function checkHosts() {
  const hosts = ['registry[.]npmjs', 'registry[.]yarnpkg', 'npm[.]pkg[.]github', 'deb[.]debian[.]org', 'crates[.]io'];
  const found = spawnSync('git', ['grep', '--untracked', '-nIE', hosts.join('|')], { cwd: root, encoding: 'utf8' });
  if (found.status === 0) problem('repository', `names a package registry's host:\n${found.stdout}`);
  else if (found.status !== 1) problem('repository', `git grep failed: ${found.stderr}`);
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'overlay-packages-'));
try {
  checkHosts();
  const published = workspaces(root).filter(({ manifest }) => manifest.private !== true);
  for (const workspace of published) {
    const { name } = workspace;
    checkManifest(workspace);
    const args = ['pack', '--json', '--workspace', name, '--pack-destination', folder, '--ignore-scripts'];
    const [packed] = JSON.parse(
      execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    const tarball = path.join(folder, packed.filename);
    checkFiles(workspace, packed.files);
    await checkWithPublint(workspace, tarball);
    checkTypes(workspace, tarball);
    process.stdout.write(`${name}: ${packed.files.length} files, ${Math.ceil(packed.size / 1024)} KiB packed\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (problems.length > 0) {
  process.stderr.write(`\n${problems.join('\n')}\n${problems.length} problems in packages\n`);
  process.exitCode = 1;
}
