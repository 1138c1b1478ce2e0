import { Command, Option } from 'commander';
import type { Flag } from './flag.js';

const WORDS: Readonly<Record<Flag['kind'], string>> = {
  text: '=<text>',
  list: '=<text>',
  switch: '',
  integer: '=<n>',
  duration: '=<duration>',
  choice: '=<word>',
};

/** The text of `overlayd --help`. */
export function helpText(flags: readonly Flag[]): string {
  return pageOf({
    name: 'overlayd',
    usage: '[flags]',
    description: "Joins this host to the overlay network: leases its subnet and makes every other host's reachable.",
    flags,
    notes: `Each flag is also an environment variable, FLANNELD_ and its name in upper case with "_" for "-" and ".", where it is
not on the command line. One dash does as well as two. A switch takes a value only behind "=": --version=false.

Signals: SIGTERM and SIGINT end it and leave the data path as it is; SIGHUP takes a pending configuration.
Exit codes: 0 ended by a signal, 1 a wrong command line or configuration, or a failure.`,
  });
}

/** The text of a command's `--help`. */
export function commandHelp(command: Omit<Page, 'usage'>): string {
  const notes = `${command.notes}\nFlags that overlayd has too are also read from its variables, such as FLANNELD_INSTANCE.`;
  return pageOf({ ...command, usage: '[flags]', notes });
}

interface Page {
  readonly name: string;
  readonly usage: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  readonly notes: string;
}

function pageOf({ name: program, usage, description, flags, notes }: Page): string {
  const command = new Command(program)
    .description(description)
    .usage(usage)
    .helpOption(false)
    .configureHelp({ sortOptions: false });
  for (const { name, kind, fallback, help, choices } of flags) {
    const option = new Option(`--${name}${WORDS[kind]}`, choices ? `${help}: ${choices.join(', ')}` : help);
    if (fallback !== '' && !(kind === 'switch' && fallback === 'false')) option.default(fallback, fallback);
    command.addOption(option);
  }
  command.addHelpText('after', `\n${notes}`);
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}
