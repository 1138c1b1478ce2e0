// `npm run traffic [-- --path user|kernel] [--minutes 60] [--seed 1] [--sanitize]`: prints a line for each sample, then the report.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { randomTraffic } from './random-traffic.js';
import { verdict } from './verdict.js';

const USAGE = 'usage: npm run traffic -- [--path user|kernel] [--minutes 60] [--seed 1] [--sanitize]';

function wrong(text: string): never {
  process.stderr.write(`traffic: ${text}\n`);
  process.exit(2);
}

function flags(): { readonly dataPath: 'kernel' | 'user'; readonly durationMs: number; readonly seed: number } {
  const text = { type: 'string' } as const;
  let values;
  try {
    ({ values } = parseArgs({ options: { path: text, minutes: text, seed: text } }));
  } catch (error) {
    return wrong(`${error instanceof Error ? error.message : String(error)}; ${USAGE}`);
  }
  const { path = 'user', minutes = '60', seed = '1' } = values;
  if (path !== 'user' && path !== 'kernel') return wrong(`--path: expected user or kernel, got "${path}"`);
  if (!(Number(minutes) > 0)) return wrong(`--minutes: expected a number above 0, got "${minutes}"`);
  if (!Number.isSafeInteger(Number(seed))) return wrong(`--seed: expected an integer, got "${seed}"`);
  return { dataPath: path, durationMs: Number(minutes) * 60_000, seed: Number(seed) };
}

const options = flags();
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.abort());
const report = await randomTraffic({
  ...options,
  signal: ending.signal,
  onSample: (sample, steps) => process.stderr.write(`${steps} steps, ${JSON.stringify(sample)}\n`),
});
process.stdout.write(`${JSON.stringify({ ...report, samples: report.samples.length }, null, 2)}\n`);
if (ending.signal.aborted) {
  process.stderr.write('traffic: stopped\n');
  process.exitCode = 130;
} else {
  for (const failure of verdict(report)) {
    process.stderr.write(`traffic: ${failure}\n`);
    process.exitCode = 1;
  }
}
