import type { Flag } from './flag.js';
import { variableOf } from './flag.js';
import { goBoolean, goDuration, goInteger } from './go-values.js';
import { nearMiss } from './near-miss.js';
import { shown, usageError } from './usage-error.js';

/** What was given for each flag, as text that has been checked, by the flag's name. Flags that were not are absent. */
export type GivenFlags = ReadonlyMap<string, readonly string[]>;

/**
 * Reads a command line in Go's syntax: `-x` or `--x`, the value behind `=` or as the next word, only behind `=` where it
 * may be left out. What is not there is taken from the environment (`FLANNELD_…`) unless that is empty. The last of repeated flags
 * counts; a list takes all of them, and one from the environment.
 *
 * flanneld ends with code 0 on a flag that it does not know, and passes over everything from the first stray word on;
 * both are errors here.
 *
 * @param program whose flags they are, as it is typed.
 * @throws OverlayError `OVERLAY_USAGE` with one line.
 */
export function readCommandLine(
  flags: readonly Flag[],
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  program = 'overlayd',
): GivenFlags {
  const byName = new Map(flags.map((flag) => [flag.name, flag]));
  const given = new Map<string, string[]>();
  const put = (flag: Flag, value: string): void => {
    const values = given.get(flag.name);
    if (flag.kind === 'list' && values !== undefined) values.push(value);
    else given.set(flag.name, [value]);
  };
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at];
    const { name, value } = splitWord(word, argv[at - 1], byName);
    const flag = byName.get(name === 'h' ? 'help' : name);
    if (flag === undefined) throw unknownFlag(program, word, name, byName.keys());
    if (value !== undefined) {
      put(flag, checked(flag, value, `--${name}`));
    } else if (flag.kind === 'switch' || flag.bare !== undefined) {
      put(flag, flag.bare ?? 'true');
    } else {
      const next = argv[++at];
      if (next === undefined)
        throw usageError(`--${name}: expected a value behind it, got the end of the line`, `--${name}`);
      put(flag, checked(flag, next, `--${name}`));
    }
  }
  for (const flag of flags) {
    // flanneld decides about --version before it looks at the environment.
    if (given.has(flag.name) || flag.name === 'version' || flag.name === 'help') continue;
    const variable = variableOf(flag.name);
    const value = env[variable];
    if (value !== undefined && value !== '') put(flag, checked(flag, value, variable));
  }
  for (const [name, values] of given) {
    const asking = values.find((value) => byName.get(name)?.notBuilt?.(value));
    if (asking !== undefined) {
      throw usageError(`--${name}: not built yet in this version; leave it out`, `--${name}`);
    }
  }
  return given;
}

function splitWord(
  word: string,
  before: string | undefined,
  flags: ReadonlyMap<string, Flag>,
): { readonly name: string; readonly value?: string } {
  const [, name, value] = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
  if (name !== undefined) return value === undefined ? { name } : { name, value };
  const flag = flags.get(before?.replace(/^--?/, '') ?? '');
  const meant = flag?.bare === undefined ? goBoolean(word) : goInteger(word);
  const isBare = flag?.kind === 'switch' || flag?.bare !== undefined;
  const hint = isBare && meant !== undefined ? `; write --${flag.name}=${word}` : '';
  throw usageError(`expected a flag such as --iface=NAME, got the word ${shown(word)}${hint}; see --help`);
}

function unknownFlag(program: string, word: string, name: string, names: Iterable<string>): Error {
  const meant = nearMiss(name, names);
  const hint = meant === undefined ? 'see --help' : `did you mean --${meant}?`;
  return usageError(`${shown(word.split('=', 1)[0])} is no flag of ${program}; ${hint}`, `--${name}`);
}

/** The value, if it is one of the flag's kind. `key` is how the person knows the flag. */
function checked(flag: Flag, value: string, key: string): string {
  const expected = expectation(flag, value);
  if (expected === undefined) return value;
  throw usageError(`${key}: expected ${expected}, got ${shown(value)}`, key);
}

function expectation(flag: Flag, value: string): string | undefined {
  const { kind, choices = [], min = -Infinity, max = Infinity } = flag;
  switch (kind) {
    case 'text':
    case 'list':
      // eslint-disable-next-line no-control-regex -- control characters are what it looks for
      return /[\0-\x1f\x7f]/.test(value) ? 'text without control characters' : undefined;
    case 'switch':
      return goBoolean(value) === undefined ? 'true or false' : undefined;
    case 'integer': {
      const number = goInteger(value);
      if (number !== undefined && number >= min && number <= max) return undefined;
      return Number.isFinite(min) ? `an integer from ${min} to ${max}` : 'an integer';
    }
    case 'duration':
      return goDuration(value) === undefined ? 'a duration such as 60s, 1m30s or 0' : undefined;
    case 'choice':
      return choices.includes(value) ? undefined : `one of ${choices.join(', ')}`;
  }
}
