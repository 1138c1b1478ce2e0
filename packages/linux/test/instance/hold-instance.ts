import { acquireInstance } from '../../dist/instance/index.js';

// Holds the instance named by the first argument until it is ended; with "idle" has nothing else that keeps it alive.
const [name = '', idle] = process.argv.slice(2);
await acquireInstance(name, { signal: new AbortController().signal });
if (idle === undefined) {
  process.send?.('held');
  setInterval(() => undefined, 60_000);
}
