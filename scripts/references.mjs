// Writes the `references` of every tsconfig, and the list in tsconfig.build.json, from the dependencies in package.json:
// one truth for what depends on what. `--check` writes nothing and fails where a file differs.
//
// - PACKAGE/tsconfig.json (sources) references the workspaces in dependencies, peerDependencies, optionalDependencies; a
//   private package's also those in devDependencies.
// - PACKAGE/*/tsconfig.json (tests and conformance runs) references the package's sources and, besides, the workspaces in
//   devDependencies: a cycle is impossible, because nothing references a test project.
// A project without a single source file is left out until it has one.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { workspaces } from './workspaces.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const check = process.argv.includes('--check');

const packages = new Map(workspaces(root).map((workspace) => [workspace.name, workspace]));
const sourceTable = ['dependencies', 'peerDependencies', 'optionalDependencies'];
const differing = [];

/** Whether a folder holds at least one TypeScript file, at any depth. */
function hasSource(folder) {
  if (!existsSync(folder)) return false;
  return readdirSync(folder, { withFileTypes: true }).some((entry) => {
    if (entry.isDirectory()) {
      return entry.name !== 'node_modules' && hasSource(path.join(folder, entry.name));
    }
    return /\.[cm]?ts$/.test(entry.name) && !entry.name.endsWith('.d.ts');
  });
}

function workspaceDependencies(manifest, fields) {
  const names = fields.flatMap((field) => Object.keys(manifest[field] ?? {}));
  return [...new Set(names)]
    .filter((name) => packages.has(name))
    .sort()
    .map((name) => packages.get(name));
}

function relative(from, to) {
  const link = path.relative(from, to).split(path.sep).join('/');
  return link.startsWith('.') ? link : `./${link}`;
}

/** Sub-projects of a package: folders directly below it, other than src, that have their own tsconfig.json. */
function subProjects(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !['node_modules', 'dist', 'src'].includes(entry.name))
    .map((entry) => path.join(folder, entry.name))
    .filter((sub) => existsSync(path.join(sub, 'tsconfig.json')) && hasSource(sub))
    .sort();
}

async function putReferences(file, paths) {
  const old = existsSync(file) ? readFileSync(file, 'utf8') : '{ "files": [] }';
  const config = JSON.parse(old);
  const references = paths.map((to) => ({ path: to }));
  if (JSON.stringify(config.references ?? []) === JSON.stringify(references)) return;
  if (references.length === 0) delete config.references;
  else config.references = references;
  if (check) differing.push(path.relative(root, file));
  else {
    const style = await resolveConfig(file);
    writeFileSync(file, await format(JSON.stringify(config, null, 2), { ...style, parser: 'json' }));
  }
}

const buildList = [];
for (const workspace of packages.values()) {
  const { folder, manifest } = workspace;
  const sources = hasSource(path.join(folder, 'src'));
  const ready = (dependency) => hasSource(path.join(dependency.folder, 'src'));
  if (existsSync(path.join(folder, 'tsconfig.json'))) {
    await putReferences(
      path.join(folder, 'tsconfig.json'),
      workspaceDependencies(manifest, manifest.private ? [...sourceTable, 'devDependencies'] : sourceTable)
        .filter(ready)
        .map((dependency) => relative(folder, dependency.folder)),
    );
    if (sources) buildList.push(relative(root, folder));
  }
  for (const sub of subProjects(folder)) {
    await putReferences(path.join(sub, 'tsconfig.json'), [
      ...(sources ? ['../tsconfig.json'] : []),
      ...workspaceDependencies(manifest, [...sourceTable, 'devDependencies'])
        .filter((dependency) => dependency !== workspace && ready(dependency))
        .map((dependency) => relative(sub, dependency.folder)),
    ]);
    buildList.push(relative(root, sub));
  }
}
await putReferences(path.join(root, 'tsconfig.build.json'), buildList);

if (differing.length > 0) {
  process.stderr.write(
    `references: out of date: ${differing.join(', ')}\nRun \`npm run references\` and commit what it changed.\n`,
  );
  process.exitCode = 1;
}
