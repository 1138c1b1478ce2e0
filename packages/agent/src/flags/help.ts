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
  const command = new Command('overlayd')
    .description("Joins this host to the overlay network: leases its subnet and makes every other host's reachable.")
    .usage('--local-store=DIR [flags]')
    .helpOption(false)
    .configureHelp({ sortOptions: false });
  for (const { name, kind, fallback, help, choices } of flags) {
    const option = new Option(`--${name}${WORDS[kind]}`, choices ? `${help}: ${choices.join(', ')}` : help);
    if (fallback !== '' && !(kind === 'switch' && fallback === 'false')) option.default(fallback, fallback);
    command.addOption(option);
  }
  command.addHelpText(
    'after',
    `
Each flag is also an environment variable, FLANNELD_ and its name in upper case with "_" for "-" and ".", where it is
not on the command line. One dash does as well as two. A switch takes a value only behind "=": --version=false.

Signals: SIGTERM and SIGINT end it and leave the data path as it is; SIGHUP takes a pending configuration.
Exit codes: 0 ended by a signal, 1 a wrong command line or configuration, or a failure.`,
  );
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}
