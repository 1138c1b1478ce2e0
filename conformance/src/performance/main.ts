// The benchmarks' command line. `npm run bench` adds the subject module that belongs to `--backend`.
import { constants, setPriority } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { errorText, OverlayError } from '@overlay/core';
import type { JsonObject, JsonValue } from '@overlay/core';
import { benchScale } from './scale/scale.js';
import { scaleTable } from './scale/table.js';
import { benchStart } from './start/start.js';
import { startTable } from './start/table.js';
import { throughputTable } from './throughput/table.js';
import { benchThroughput } from './throughput/throughput.js';

const USAGE = `usage: bench scale --subject FILE --hosts N [--program FILE] [--rounds N] [--changes N] [--sustain SECONDS] [--json]
       bench throughput --subject FILE [--backend-option KEY=VALUE]… [--peers N] [--rounds N] [--seconds N] [--json]
       bench start --program FILE [--backend TYPE] [--rounds N] [--idle SECONDS] [--json]
`;

const OPTIONS = {
  subject: { type: 'string' },
  program: { type: 'string' },
  hosts: { type: 'string' },
  rounds: { type: 'string' },
  changes: { type: 'string' },
  sustain: { type: 'string' },
  seconds: { type: 'string' },
  peers: { type: 'string' },
  'backend-option': { type: 'string', multiple: true },
  backend: { type: 'string' },
  idle: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine();
  const [what] = positionals;
  const { subject, json = false } = values;
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (what === undefined || positionals.length !== 1) throw wrongOption(USAGE.trim());
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      process.exitCode = 128 + constants.signals[signal];
      abort.abort();
    });
  }
  const progress = (text: string): void => void process.stderr.write(`${text}\n`);
  const common = { signal: abort.signal, progress, ...count('rounds', values.rounds) };
  if (what === 'start') {
    const { program, backend } = values;
    if (program === undefined) throw wrongOption(`--program: expected the agent's file, got nothing\n${USAGE.trim()}`);
    favourMeasurement();
    const { idle } = count('idle', values.idle);
    const report = await benchStart({
      ...common,
      program,
      ...(backend !== undefined && { backend }),
      ...(idle !== undefined && { idleSeconds: idle }),
    });
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : startTable(report));
    return;
  }
  if (subject === undefined) throw wrongOption(`--subject: expected a module, got nothing\n${USAGE.trim()}`);
  if (what === 'scale') {
    favourMeasurement();
    const report = await benchScale({
      ...common,
      subject,
      ...(values.program === undefined ? {} : { program: [values.program] }),
      hosts: count('hosts', values.hosts ?? '').hosts ?? NaN,
      ...count('changes', values.changes),
      ...rename(count('sustain', values.sustain)),
    });
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : scaleTable(report));
    return;
  }
  if (what === 'throughput') {
    const report = await benchThroughput({
      ...common,
      subject,
      ...count('seconds', values.seconds),
      ...count('peers', values.peers),
      ...backendOptions(values['backend-option']),
    });
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : throughputTable(report));
    return;
  }
  throw wrongOption(`expected scale, throughput or start, got ${what}\n${USAGE.trim()}`);
}

/**
 * Processes with a better priority are disturbed less by whatever else the machine does; all that is compared has it. Not
 * for traffic: it would starve the kernel's own threads, which carry packets at the usual priority.
 */
function favourMeasurement(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Without the right to it, the figures are only noisier.
  }
}

function parseCommandLine() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw wrongOption(`${errorText(error)}\n${USAGE.trim()}`);
  }
}

function count<K extends string>(name: K, text: string | undefined): { readonly [N in K]?: number } {
  if (text === undefined) return {};
  if (/^\d+$/.test(text)) return { [name]: Number(text) } as { readonly [N in K]: number };
  throw wrongOption(`--${name}: expected a number, got ${text === '' ? 'nothing' : text}`);
}

/** `KEY=VALUE`: the value is JSON where it reads as such, else a string. */
function backendOptions(given: readonly string[] | undefined): { readonly backendOptions?: JsonObject } {
  if (given === undefined) return {};
  const members = given.map((text): [string, JsonValue] => {
    const at = text.indexOf('=');
    if (at < 1) throw wrongOption(`--backend-option: expected KEY=VALUE, got ${text}`);
    return [text.slice(0, at), jsonOrText(text.slice(at + 1))];
  });
  return { backendOptions: Object.fromEntries(members) };
}

function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

function rename({ sustain }: { readonly sustain?: number }): { readonly sustainSeconds?: number } {
  return sustain === undefined ? {} : { sustainSeconds: sustain };
}

function wrongOption(message: string): OverlayError {
  return new OverlayError('OVERLAY_BENCH_OPTION', message);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${errorText(error)}\n`);
  process.exitCode ||= 1;
}
