// Builds what has changed: the native addons, every TypeScript project, the agent's bundle. When nothing changed since the
// last build it only compares file times. Everything goes to stderr, so that a command which builds first can still
// print one JSON object on stdout. `--force` builds whatever the times say.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { workspaces } from './workspaces.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const stampFile = path.join(root, '.cache', 'build.stamp');

/** Every file below a folder, except those of other packages' installations. */
function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') yield* filesBelow(full);
    } else if (entry.isFile()) {
      yield full;
    }
  }
}

/** Folders that hold what a build made, wherever they are below a package. */
const madeByBuilds = new Set(['dist', 'test-dist', 'bundle', 'bin', 'prebuilds', 'build']);

/** Digests of path, size and time: of everything a build reads, and of everything it makes. */
function fingerprints(packages) {
  const sources = createHash('sha256').update(`${process.platform}-${process.arch}\n`);
  const made = createHash('sha256');
  const top = ['package-lock.json', 'tsconfig.base.json', 'tsconfig.build.json'].map((name) => path.join(root, name));
  const below = packages.flatMap(({ folder }) => [...filesBelow(folder)]);
  for (const file of [...top, ...filesBelow(path.join(root, 'scripts')), ...below].sort()) {
    const { size, mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { size: -1, mtimeMs: 0 };
    const folders = path.relative(root, path.dirname(file)).split(path.sep);
    const digest = folders.some((folder) => madeByBuilds.has(folder)) ? made : sources;
    digest.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return { sources: sources.digest('hex'), made: made.digest('hex') };
}

/** Deletes compiled files whose source is gone: tsc leaves them, and jest would go on running a deleted test. */
function prune(packages) {
  const pairs = packages.flatMap(({ folder }) => [
    [path.join(folder, 'dist'), path.join(folder, 'src')],
    [path.join(folder, 'test-dist'), path.join(folder, 'test')],
  ]);
  for (const [compiled, sources] of pairs) {
    if (!existsSync(compiled)) continue;
    for (const file of filesBelow(compiled)) {
      const match = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(path.relative(compiled, file));
      if (match !== null && !existsSync(path.join(sources, `${match[1]}.ts`))) rmSync(file);
    }
  }
}

function run(title, command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${title} failed (${signal ?? `exit code ${code}`})`));
    });
  });
}

const packages = workspaces(root);
const before = fingerprints(packages);
const last = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : '';
if (`${before.sources} ${before.made}` !== last || process.argv.includes('--force')) {
  try {
    if (!existsSync(path.join(root, 'node_modules', '.bin', 'tsc'))) {
      throw new Error('the dependencies are not installed; run `npm ci` first');
    }
    rmSync(stampFile, { force: true });
    for (const { name, folder } of packages) {
      const native = path.join(folder, 'native', 'build.mjs');
      if (existsSync(native)) await run(`${name}: the native build`, process.execPath, [native, '--arch', 'all']);
    }
    prune(packages);
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    await run('tsc', process.execPath, [tsc, '--build', path.join(root, 'tsconfig.build.json')]);
    const agent = packages.find(({ name }) => name === '@overlay/agent');
    if (agent?.manifest.scripts?.bundle !== undefined) {
      await run('the bundle', 'npm', ['run', '--silent', 'bundle', '--workspace', '@overlay/agent']);
    }
    mkdirSync(path.dirname(stampFile), { recursive: true });
    // The sources as they were before: one that was edited meanwhile is built by the next run.
    writeFileSync(stampFile, `${before.sources} ${fingerprints(packages).made}`);
  } catch (error) {
    process.stderr.write(`build: ${error.message}\n`);
    process.exitCode = 1;
  }
}
