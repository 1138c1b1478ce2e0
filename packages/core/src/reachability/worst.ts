import type { Path } from './path.js';

/** The worst paths, the worst first, at most `count`, in a time that grows with the number of paths only. */
export function worst(paths: Iterable<Path>, count: number): Path[] {
  const found: Path[] = [];
  for (const path of paths) {
    found.push(path);
    // Sorting seldom, and never many.
    if (found.length >= 8 * count) keep(found, count);
  }
  keep(found, count);
  return found;
}

function keep(found: Path[], count: number): void {
  found.sort(compare);
  found.length = Math.min(found.length, count);
}

function compare(a: Path, b: Path): number {
  return (
    rank(a) - rank(b) ||
    (a.state === 'unreachable' ? a.firstLossAt - b.firstLossAt : b.loss - a.loss || b.averageMs - a.averageMs) ||
    (a.peer < b.peer ? -1 : a.peer > b.peer ? 1 : a.family < b.family ? -1 : 1)
  );
}

function rank(path: Path): number {
  if (path.state === 'unreachable') return 0;
  if (path.state === 'unknown') return 2;
  return path.loss > 0 ? 1 : 3;
}
