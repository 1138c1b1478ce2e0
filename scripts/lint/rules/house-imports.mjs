// An import outside the dependency table, or not declared in the package's own package.json, is an error; so is reaching
// into another package's files by a relative path. Type-only imports count: they end up in the published types.
import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { guardedSubpaths, house, matches, testImports } from '../house.mjs';
import { importVisitor } from '../imports.mjs';

const manifests = new Map();

function readManifest(folder) {
  if (!manifests.has(folder)) {
    const file = path.join(folder, 'package.json');
    manifests.set(folder, existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});
  }
  return manifests.get(folder);
}

/** `@scope/name/sub` or `name/sub` without the subpath. */
function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The package folder that a file is in, relative to the repository, with its row of the table. */
function placeOf(cwd, filename) {
  const relative = path.relative(cwd, filename).split(path.sep).join('/');
  for (const depth of [1, 2]) {
    const folder = relative.split('/').slice(0, depth).join('/');
    const row = Object.keys(house).find((pattern) => matches(pattern, folder));
    if (row !== undefined) {
      const inside = relative.slice(folder.length + 1);
      return { folder, row: house[row], isTest: inside.startsWith('test/') };
    }
    if (existsSync(path.join(cwd, folder, 'package.json'))) return { folder, row: undefined, isTest: false };
  }
  return undefined;
}

function isDeclared(manifest, name, isTest) {
  const fields = ['dependencies', 'peerDependencies', 'optionalDependencies', ...(isTest ? ['devDependencies'] : [])];
  return name === manifest.name || fields.some((field) => manifest[field]?.[name] !== undefined);
}

/** Test tools that the repository's root brings for every package. */
function isFromRoot(cwd, name, isTest) {
  return isTest && name === '@jest/globals' && readManifest(cwd).devDependencies?.[name] !== undefined;
}

export const houseImports = {
  meta: {
    type: 'problem',
    docs: { description: 'imports follow the dependency table (scripts/lint/house.mjs)' },
    schema: [],
    messages: {
      noRow: '{{folder}} has no row in the dependency table (scripts/lint/house.mjs); add one on purpose.',
      table: '{{folder}} may not import {{name}}: the dependency table allows {{allowed}}.',
      undeclared: '{{name}} is imported but not declared in {{folder}}/package.json.',
      private: '{{name}} is not a published package; examples may use only those.',
      builtin: '{{folder}} does no I/O and may not import {{name}}; take what is needed as a port.',
      prefix: "Write 'node:{{name}}', so that nobody mistakes it for a package.",
      outside: '{{name}} leaves {{folder}}; import the other package by its name.',
      guarded: '{{folder}} may not import {{name}}; it is for {{allowed}} and for tests.',
    },
  },
  create(context) {
    const place = placeOf(context.cwd, context.filename);
    if (place === undefined) return {};
    const { folder, row, isTest } = place;
    const root = path.join(context.cwd, folder);
    const manifest = readManifest(root);

    const check = (specifier, node) => {
      const report = (messageId, data = {}) =>
        context.report({ node, messageId, data: { folder, name: specifier, ...data } });

      if (specifier.startsWith('.')) {
        const target = path.relative(root, path.resolve(path.dirname(context.filename), specifier));
        if (target.startsWith('..')) report('outside');
        return;
      }
      if (specifier.startsWith('node:') || isBuiltin(specifier)) {
        if (row?.noBuiltins === true && !isTest) report('builtin');
        else if (!specifier.startsWith('node:')) report('prefix');
        return;
      }
      if (row === undefined) return void report('noRow');

      const name = packageOf(specifier);
      if (name === manifest.name) {
        if (!isTest) report('table', { allowed: 'its own files by relative paths' });
        return;
      }
      const guard = guardedSubpaths[specifier];
      if (guard !== undefined && !isTest && !guard.some((pattern) => matches(pattern, folder))) {
        return void report('guarded', { allowed: guard.join(', ') });
      }
      if (row.anyPublished === true && name.startsWith('@overlay/')) {
        const installed = path.join(context.cwd, 'node_modules', name);
        if (readManifest(installed).private === true) return void report('private');
      } else {
        const own = row.anyPublished === true ? Object.keys(manifest.dependencies ?? {}) : row.imports;
        const allowed = [...own, ...(isTest ? testImports : [])];
        if (!allowed.some((pattern) => matches(pattern, name))) {
          return void report('table', { allowed: allowed.join(', ') || 'nothing' });
        }
      }
      // An example is not published: what it is built and proven with is its own business.
      if (!isDeclared(manifest, name, isTest || row.anyPublished === true) && !isFromRoot(context.cwd, name, isTest))
        report('undeclared');
    };
    return importVisitor(check);
  },
};
