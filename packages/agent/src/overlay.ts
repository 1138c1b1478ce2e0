import process from 'node:process';
import { Command, CommanderError } from 'commander';
import type { Command as HostCommand } from './commands/command.js';
import { VERSION } from './version.js';

const EXIT_USAGE = 2;

/** Commands that concern the agent of this host. */
const COMMANDS = {
  status: 'say how the agent of this host is',
  apply: 'have it take the configuration that is pending',
  cleanup: 'remove everything that it has on this host, or hand it back to flanneld',
} as const;

/** Each is loaded only when it is asked for. */
async function commandOf(name: string | undefined): Promise<HostCommand | undefined> {
  switch (name) {
    case 'status':
      return (await import('./commands/status-command.js')).statusCommand;
    case 'apply':
      return (await import('./commands/apply-command.js')).applyCommand;
    case 'cleanup':
      return (await import('./commands/cleanup-command.js')).cleanupCommand;
    default:
      return undefined;
  }
}

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
    const kubernetesPrograms = process.env['OVERLAY_LAB_KUBERNETES'];
    return await labCommand(rest, {
      stdout: process.stdout,
      stderr: process.stderr,
      agent,
      ...(kubernetesPrograms !== undefined && { kubernetesPrograms }),
    });
  }
  const command = await commandOf(first);
  if (command !== undefined) {
    const output = {
      out: (text: string) => void process.stdout.write(text),
      err: (text: string) => void process.stderr.write(text),
    };
    const { runCommand } = await import('./commands/command.js');
    return await runCommand(command, { argv: rest, env: process.env }, output);
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
  for (const [name, what] of Object.entries(COMMANDS)) {
    program.command(name).description(what).argument('[flags...]', `see overlay ${name} --help`);
  }
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
