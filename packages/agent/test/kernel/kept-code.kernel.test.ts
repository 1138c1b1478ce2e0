import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { execute } from '../support/execute.js';

const START = fileURLToPath(new URL('../../bin/start.cjs', import.meta.url));

/** Runs a program as a start does; what V8 says of the kept code of each part. Parts are asked for when flags are set. */
const ASK = `
const { run, settleEngine } = require(process.argv[1]);
const say = (name, { cachedDataRejected }) => console.log(name, cachedDataRejected);
process.argv.splice(1, 1, 'overlayd', '--version');
run('overlayd', say);
settleEngine();
for (const part of ['store-etcd', 'store-kube']) run(part, say);
`;

test('the code that was kept when the programs were built is good for a start, and so is that of the stores', async () => {
  const said = await execute([process.execPath, '-e', ASK, START]);
  expect(said.split('\n').filter((line) => / (false|true|undefined)$/.test(line))).toEqual([
    'overlayd false',
    'store-etcd false',
    'store-kube false',
  ]);
});
