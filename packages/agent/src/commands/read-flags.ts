import type { Flag } from '../flags/flag.js';
import { variableOf } from '../flags/flag.js';
import type { GivenFlags } from '../flags/command-line.js';
import { readCommandLine } from '../flags/command-line.js';
import { goBoolean } from '../flags/go-values.js';
import { FLAGS } from '../flags/table.js';

/** A command's flags as they were given, with defaults. */
export interface CommandFlags {
  text(name: string): string;
  isOn(name: string): boolean;
  /** Whether it was given, and does not only have its default. */
  given(name: string): boolean;
}

/** What a command is called with. */
export interface CommandInput {
  /** What follows the command's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A flag that is off unless it is on the command line. */
export function commandSwitch(name: string, help: string): Flag {
  return { name, kind: 'switch', fallback: 'false', help };
}

/** Flags of `overlayd`, which mean the same to a command. */
export function agentFlags(...names: readonly string[]): readonly Flag[] {
  return FLAGS.filter(({ name }) => names.includes(name));
}

/**
 * Reads a command's flags. Those that `overlayd` has may come from the same variables as there: a command that is run
 * where the agent runs then means that agent.
 *
 * @throws OverlayError `OVERLAY_USAGE`.
 */
export function readFlags(command: string, flags: readonly Flag[], { argv, env }: CommandInput): CommandFlags {
  const shared = flags.filter((flag) => FLAGS.includes(flag)).map(({ name }) => variableOf(name));
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => shared.includes(name)));
  const given: GivenFlags = readCommandLine(flags, argv, own, command);
  const text = (name: string): string =>
    given.get(name)?.at(-1) ?? flags.find((flag) => flag.name === name)?.fallback ?? '';
  return { text, isOn: (name) => goBoolean(text(name)) === true, given: (name) => given.has(name) };
}
