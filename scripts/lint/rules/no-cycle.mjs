// Files that import each other, directly or around, are an error, type-only imports included: what cannot be read alone is
// one subject in two files. Each cycle is reported once for each import on it.
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { importVisitor } from '../imports.mjs';

/** Imports of files by relative path, kept for as long as the file's time stands. */
const known = new Map();

/** The source file that a `.js` specifier means, or undefined. */
function resolveRelative(from, specifier) {
  if (!specifier.startsWith('.')) return undefined;
  const target = path.resolve(path.dirname(from), specifier);
  const candidates = [target.replace(/\.js$/, '.ts'), target.replace(/\.mjs$/, '.mts'), target];
  return candidates.find((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

function importsOf(file) {
  const modified = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  const entry = known.get(file);
  if (entry !== undefined && entry.modified === modified) return entry.targets;
  const text = modified === undefined ? '' : readFileSync(file, 'utf8');
  const targets = ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => resolveRelative(file, fileName))
    .filter((target) => target !== undefined);
  known.set(file, { modified, targets });
  return targets;
}

/** The shortest way from one file to another along imports, or undefined. */
function wayBetween(from, to) {
  const cameFrom = new Map([[from, undefined]]);
  const queue = [from];
  for (const file of queue) {
    if (file === to) {
      const way = [];
      for (let at = file; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
      return way;
    }
    for (const next of importsOf(file)) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

export const noCycle = {
  meta: {
    type: 'problem',
    docs: { description: 'no import cycles' },
    schema: [],
    messages: { cycle: 'Import cycle: {{way}}. Move what both need into a file of its own.' },
  },
  create(context) {
    return importVisitor((specifier, node) => {
      const target = resolveRelative(context.filename, specifier);
      if (target === undefined) return;
      const way = wayBetween(target, context.filename);
      if (way === undefined) return;
      const names = [context.filename, ...way].map((file) => path.relative(context.cwd, file));
      context.report({ node, messageId: 'cycle', data: { way: names.join(' → ') } });
    });
  },
};
