import type { Flag } from '../flags/flag.js';
import { variableOf } from '../flags/flag.js';
import { readCommandLine } from '../flags/command-line.js';
import type { FlagValues } from '../flags/given-values.js';
import { flagValues } from '../flags/given-values.js';
import { FLAGS } from '../flags/table.js';

/** A command's flags as they were given, with defaults. */
export type CommandFlags = FlagValues;

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
  return flagValues(flags, readCommandLine(flags, argv, own, command));
}
