// The process that starts an agent on a host of the lab and asks it. Its argument is a StartOrder as JSON.
import process from 'node:process';
import { startOnce } from './start-once.js';
import type { StartOrder } from './start-once.js';

const order = JSON.parse(process.argv[2] ?? '{}') as StartOrder;
process.stdout.write(`${JSON.stringify(await startOnce(order))}\n`);
