import type { GivenFlags } from './command-line.js';
import type { Flag } from './flag.js';
import { goBoolean, goDuration, goInteger } from './go-values.js';

/** The values of flags with defaults in their places. */
export interface FlagValues {
  readonly text: (name: string) => string;
  readonly list: (name: string) => readonly string[];
  readonly isOn: (name: string) => boolean;
  readonly integer: (name: string) => number;
  /** Milliseconds. */
  readonly duration: (name: string) => number;
  /** Whether it was given, and does not only have its default. */
  readonly given: (name: string) => boolean;
}

/** What was given and checked, as values of its kinds. */
export function flagValues(flags: readonly Flag[], given: GivenFlags): FlagValues {
  const text = (name: string): string =>
    given.get(name)?.at(-1) ?? flags.find((flag) => flag.name === name)?.fallback ?? '';
  return {
    text,
    list: (name) => given.get(name) ?? [],
    isOn: (name) => goBoolean(text(name)) === true,
    integer: (name) => goInteger(text(name)) ?? 0,
    duration: (name) => goDuration(text(name)) ?? 0,
    given: (name) => given.has(name),
  };
}
