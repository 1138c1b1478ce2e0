import process from 'node:process';
import { Command, CommanderError } from 'commander';
import { VERSION } from './version.js';

const EXIT_USAGE = 2;

/**
 * The command that people type.
 *
 * @param argv what follows the program's name.
 * @param agent how to start `overlayd`: program and first arguments.
 * @returns the exit code.
 */
export async function overlay(argv: readonly string[], agent: readonly string[]): Promise<number> {
  const [first, ...rest] = argv;
  // The lab reads its own words, `--help` too.
  if (first === 'lab') {
    const { labCommand } = await import('@overlay/lab');
    return await labCommand(rest, { stdout: process.stdout, stderr: process.stderr, agent });
  }
  const program = new Command('overlay')
    .description('Overlay networks for Linux hosts.')
    .version(VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'overlay: ')) });
  program
    .command('lab')
    .description('run hosts as network namespaces on this machine, an agent on each, and ping between their pods')
    .argument('[words...]', 'see overlay lab --help');
  program
    .command('version')
    .description('print the version')
    .action(() => void process.stdout.write(`${VERSION}\n`));
  if (first === undefined) {
    process.stderr.write(program.helpInformation());
    return EXIT_USAGE;
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    throw error;
  }
}
