import { expect, test } from '@jest/globals';
import { parseAddress } from '@overlay/core';
import { judgeRoute } from '../../dist/adjacency/verdict.js';

const peer = parseAddress('10.1.2.3');
const eth0 = { name: 'eth0', broadcast: true };

test.each([
  [{ link: 'eth0' }, eth0, undefined],
  [
    { link: 'eth0', gateway: parseAddress('10.1.1.1') },
    eth0,
    '10.1.2.3 is behind the router 10.1.1.1, not on the link eth0',
  ],
  [{ link: 'eth1' }, eth0, '10.1.2.3 is reached by eth1, not by eth0'],
  [{}, eth0, '10.1.2.3 is reached by no device, not by eth0'],
  [{ problem: 'no route' }, eth0, '10.1.2.3 cannot be reached: no route'],
  [{ link: 'wg0' }, { name: 'wg0', broadcast: false }, 'wg0 is point-to-point, so 10.1.2.3 is no neighbour'],
])('%j over %j: %s', (answer, via, reason) => {
  const verdict = judgeRoute(peer, answer, via);
  expect(verdict.direct).toBe(reason === undefined);
  expect(verdict.reason).toBe(reason);
});
