import { readdirSync, readFileSync } from 'node:fs';

/** What is left on this machine of the labs of one run folder: their namespaces, their processes, their files. */
export interface Leftovers {
  readonly namespaces: readonly string[];
  readonly processes: readonly string[];
  readonly files: readonly string[];
}

export const NOTHING: Leftovers = { namespaces: [], processes: [], files: [] };

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Programs of a lab have its files among their arguments, and pings and shells its namespaces. */
function commandLines(): string[] {
  return list('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        return [];
      }
    });
}

/** Looks for leftovers of the labs with these ids. */
export function leftovers(runDirectory: string, ids: readonly string[]): Leftovers {
  const marks = [`${runDirectory}/`, ...ids.map((id) => `ovl-${id}-`)];
  return {
    namespaces: list('/run/netns').filter((name) => ids.some((id) => name.startsWith(`ovl-${id}-`))),
    processes: commandLines().filter((line) => marks.some((mark) => line.includes(mark))),
    files: list(runDirectory),
  };
}
