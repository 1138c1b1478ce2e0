import { OverlayError } from '@overlay/core';
import { Command, CommanderError } from 'commander';

/** A run, as the command line asks for it. */
export interface RunArguments {
  readonly action: 'run' | 'list';
  /** A file, or the name of a package. */
  readonly module: string;
  readonly mode?: string;
  readonly profile?: readonly string[];
  readonly test?: readonly string[];
  readonly report?: string;
  readonly junit?: string;
}

/** A whole command line, understood. */
export type Arguments =
  | RunArguments
  | { readonly action: 'diff'; readonly files: readonly [string, string] }
  | { readonly action: 'help'; readonly text: string };

const EXIT_CODES = `
Exit codes: 0 success, 1 a test failed, 2 wrong use, 3 partial: no test failed, but one of a core set could not run, 130 ended
by a signal. Of diff: 0 the same, 1 different, 2 wrong use.`;

function list(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',').map((each) => each.trim())].filter((each) => each !== '');
}

/**
 * Understands the words after `overlay-conformance`.
 *
 * @throws OverlayError `OVERLAY_CONFORMANCE_USAGE` with one line.
 */
export function parseArguments(argv: readonly string[]): Arguments {
  let result: Arguments | undefined;
  let help = '';
  const output = { writeOut: (text: string) => void (help += text), writeErr: () => undefined };
  const prepared = (command: Command): Command =>
    command.configureOutput(output).exitOverride().allowExcessArguments(false).helpCommand(false);
  const program = prepared(new Command('overlay-conformance'))
    .description('Tests a backend or a subnet manager for what must hold of any.')
    .requiredOption('--module <file>', 'the module with what is to be tested, as its export `conformance`')
    .option('--mode <name>', 'which of them, when there are several')
    .option('--profile <names>', 'only these profiles, with commas or repeated (default: all)', list)
    .option('--test <ids>', 'only these tests; no profile is then more than partial', list)
    .option('--report <file>', 'write the report there, as YAML')
    .option('--junit <file>', 'write the results there, as JUnit XML')
    .addHelpText('after', EXIT_CODES)
    .action((options: Omit<RunArguments, 'action'>) => void (result = { ...options, action: 'run' }));
  prepared(program.command('list'))
    .description('Shows the profiles and the tests that would run, and why others would not.')
    .action(() => void (result = { ...program.opts<Omit<RunArguments, 'action'>>(), action: 'list' }));
  // A name of its own, for it needs no module.
  const diff = prepared(new Command('overlay-conformance diff'))
    .description('Says what differs between two reports.')
    .argument('<before>', 'a report')
    .argument('<after>', 'another one')
    .action((before: string, after: string) => void (result = { action: 'diff', files: [before, after] }));
  program.addHelpText('after', '\nSee also: overlay-conformance list --help, overlay-conformance diff --help');
  try {
    if (argv[0] === 'diff') diff.parse(argv.slice(1), { from: 'user' });
    else program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { action: 'help', text: help };
    const line = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    const message = `${line}; see overlay-conformance --help`;
    throw new OverlayError('OVERLAY_CONFORMANCE_USAGE', message, { cause: error });
  }
  if (result === undefined) throw new TypeError('no action was chosen');
  return result;
}
