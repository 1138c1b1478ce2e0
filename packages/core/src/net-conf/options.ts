import type { JsonValue } from '../json.js';
import { quoted } from '../quoted.js';
import { DEFAULT_SOURCE, invalidKey } from './invalid.js';
import { foldKey, nearestKey, shownKey } from './keys.js';
import type { BackendConf } from './net-conf.js';

/** A whole number, both ends of its range included. */
export interface IntegerOption {
  readonly type: 'integer';
  readonly min: number;
  readonly max: number;
  readonly default?: number;
}

/** `true` or `false`. */
export interface BooleanOption {
  readonly type: 'boolean';
  readonly default?: boolean;
}

/** One of some words, compared exactly. */
export interface EnumOption {
  readonly type: 'enum';
  readonly values: readonly string[];
  readonly default?: string;
}

/** Any text, or what passes `test`. */
export interface StringOption {
  readonly type: 'string';
  readonly default?: string;
  readonly test?: (value: string) => boolean;
  /** What `test` accepts, as it follows the word "expected". */
  readonly expected?: string;
  /** Never shown in a message. */
  readonly secret?: boolean;
}

export type OptionSpec = IntegerOption | BooleanOption | EnumOption | StringOption;

/** The options of a backend by their names as documented: `{ VNI: { type: 'integer', min: 1, … } }`. */
export type OptionsSpec = Readonly<Record<string, OptionSpec>>;

export type OptionType<S extends OptionSpec> = S extends IntegerOption
  ? number
  : S extends BooleanOption
    ? boolean
    : S extends EnumOption
      ? S['values'][number]
      : string;

/** The values that a spec yields. Those without a default may be undefined. */
export type OptionValues<S extends OptionsSpec> = {
  readonly [Name in keyof S]: OptionType<S[Name]> | (S[Name] extends { readonly default: unknown } ? never : undefined);
};

/** The options of a backend, and what in them was not understood. */
export interface OptionsReading<S extends OptionsSpec> {
  readonly values: OptionValues<S>;
  /** One line for each option that the spec does not know. They are ignored, as flannel does. */
  readonly warnings: readonly string[];
}

/**
 * Reads the options of a backend by a spec. Names match in any case; `null` means the default, as for flannel.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID` with the key `Backend.<name>`.
 */
export function readOptions<const S extends OptionsSpec>(
  backend: BackendConf,
  spec: S,
  options: { readonly source?: string } = {},
): OptionsReading<S> {
  const source = options.source ?? DEFAULT_SOURCE;
  const names = new Map(Object.keys(spec).map((name) => [foldKey(name), name]));
  const given = new Map<string, JsonValue>();
  const warnings: string[] = [];
  for (const [written, value] of Object.entries(backend.options)) {
    const name = names.get(foldKey(written));
    if (name === undefined) warnings.push(unknownOption(source, backend.type, written, names.values()));
    else if (value !== null) given.set(name, value);
  }
  const values = Object.entries(spec).map(([name, option]) => {
    const value = given.get(name);
    return [name, value === undefined ? option.default : checked(source, name, option, value)] as const;
  });
  return { values: Object.fromEntries(values) as OptionValues<S>, warnings };
}

function checked(source: string, name: string, option: OptionSpec, value: JsonValue): JsonValue {
  if (isValid(option, value)) return value;
  const got = option.type === 'string' && option.secret === true ? 'something else, not shown here' : quoted(value);
  throw invalidKey(source, `Backend.${name}`, expectedOf(option, value), got);
}

function isValid(option: OptionSpec, value: JsonValue): boolean {
  switch (option.type) {
    case 'integer':
      return Number.isInteger(value) && (value as number) >= option.min && (value as number) <= option.max;
    case 'boolean':
      return typeof value === 'boolean';
    case 'enum':
      return typeof value === 'string' && option.values.includes(value);
    case 'string':
      return typeof value === 'string' && (option.test === undefined || option.test(value));
  }
}

function expectedOf(option: OptionSpec, value: JsonValue): string {
  switch (option.type) {
    case 'integer':
      return `an integer from ${option.min} to ${option.max}${withoutQuotes(value, /^-?[0-9]+$/)}`;
    case 'boolean':
      return `true or false${withoutQuotes(value, /^(?:true|false)$/i)}`;
    case 'enum':
      return `one of ${option.values.map((word) => JSON.stringify(word)).join(', ')}`;
    case 'string':
      return option.expected ?? 'a string';
  }
}

function withoutQuotes(value: JsonValue, meant: RegExp): string {
  return typeof value === 'string' && meant.test(value) ? ' without quotes' : '';
}

function unknownOption(source: string, type: string, written: string, known: Iterable<string>): string {
  const meant = nearestKey(written, known);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return `${source}: Backend.${shownKey(written)}: unknown option of ${type}, ignored${hint}`;
}
