import { errorCode, errorText } from '@overlay/core';
import type { Flag } from '../flags/flag.js';
import type { CommandFlags, CommandInput } from './read-flags.js';
import { readFlags } from './read-flags.js';

/** A wrong command line, as sysexits.h has it: 1 and 2 are answers of some commands. */
const EXIT_USAGE = 64;

/** Where a command says something. Both take whole lines. */
export interface CommandOutput {
  out(text: string): void;
  err(text: string): void;
}

/** One of the commands of `overlay`. */
export interface Command {
  /** As it is typed: `overlay status`. */
  readonly name: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  /** Below the flags in `--help`: what its exit codes mean. */
  readonly notes: string;
  /** Does it, and gives the exit code. */
  run(flags: CommandFlags, context: CommandInput & { readonly output: CommandOutput }): Promise<number>;
}

/** Runs a command and gives its exit code. What it cannot do is told in one line, with code 1. */
export async function runCommand(command: Command, input: CommandInput, output: CommandOutput): Promise<number> {
  const { name } = command;
  try {
    const flags = readFlags(name, command.flags, input);
    if (flags.isOn('help')) {
      const { commandHelp } = await import('../flags/help.js');
      output.out(commandHelp(command));
      return 0;
    }
    return await command.run(flags, { ...input, output });
  } catch (error) {
    output.err(`${name}: ${errorText(error)}\n`);
    return errorCode(error) === 'OVERLAY_USAGE' ? EXIT_USAGE : 1;
  }
}
