// `npm run soak`: churn for a long time. Prints a line for each sample and the report, and fails by the limits below.
import process from 'node:process';
import { soakFlags } from './flags.js';
import { soak } from './soak.js';
import { verdict } from './verdict.js';

const flags = soakFlags(process.argv.slice(2));
if ('wrong' in flags) {
  console.error(`soak: ${flags.wrong}`);
  process.exit(2);
}

const ending = new AbortController();
process.on('SIGINT', () => ending.abort()).on('SIGTERM', () => ending.abort());

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1).padStart(6);
try {
  const report = await soak({
    ...flags,
    signal: ending.signal,
    onSample: ({ rss, anonymous, heapUsed }, elapsedMs) => {
      const at = `${Math.round(elapsedMs / 1000)} s`.padStart(7);
      console.error(
        `${at}: rss ${megabytes(rss)} MB, anonymous ${megabytes(anonymous)} MB, heap ${megabytes(heapUsed)} MB`,
      );
    },
  });
  console.log(JSON.stringify(report, null, 2));
  const failures = verdict(report);
  for (const failure of failures) console.error(`soak: ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
} catch (error) {
  if (!ending.signal.aborted) throw error;
  console.error('soak: stopped');
  process.exitCode = 130;
}
