import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Family } from '@overlay/core';
import { program, UdpPair } from '../support/udp-pair.js';

const PORT = 7000;
/** Three packets and more. */
const LONGEST = 4500;
const BULK = 32 << 20;

/** Which offloads the hosts' interfaces have. */
const OFFLOADS = {
  'as they are': '',
  'no segmentation and no tunnels on the interface': 'tso off gso off tx-udp_tnl-segmentation off gro on',
  'none at all': 'tx off rx off sg off tso off gso off gro off',
} as const;

describe.each(['ipv4', 'ipv6'] as const)('what pods send through the kernel path by %s', (family: Family) => {
  let pair: UdpPair;
  let server: ReturnType<typeof spawn>;
  const client = async (...args: readonly (string | number)[]): Promise<number> => {
    const [near, far] = pair.ends;
    const argv = program('echo-client', far.pod.addresses[family] ?? '', PORT, ...args);
    return Number((await near.pod.exec(argv)).stdout);
  };

  beforeAll(async () => {
    pair = await UdpPair.create({ families: ['ipv4', 'ipv6'] });
    const [, far] = pair.ends;
    const argv = program('echo-server', far.pod.addresses[family] ?? '', PORT);
    server = spawn('ip', ['netns', 'exec', far.pod.netns, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (!server.stdout) throw new Error('no output');
    await once(server.stdout, 'data');
  }, 60_000);
  afterAll(async () => {
    server.kill('SIGKILL');
    await pair[Symbol.asyncDispose]();
  }, 30_000);

  describe.each(Object.entries(OFFLOADS))('offloads: %s', (_, offloads) => {
    beforeAll(async () => {
      for (const end of pair.ends) if (offloads !== '') await end.exec(`ethtool -K eth0 ${offloads}`);
    });

    test('datagrams of every length come back byte for byte', async () => {
      expect(await client('udp', 1, LONGEST)).toBe(LONGEST);
    }, 120_000);

    test('segments of every length come back byte for byte', async () => {
      expect(await client('tcp', 1, LONGEST)).toBe(LONGEST);
    }, 120_000);

    test('a long stream comes back byte for byte, also to pods without offloads', async () => {
      expect(await client('bulk', BULK)).toBe(BULK);
      const [near, far] = pair.ends;
      for (const { pod } of [near, far])
        await pod.exec(['ethtool', '-K', 'eth0', 'tso', 'off', 'gso', 'off', 'gro', 'off']);
      expect(await client('bulk', BULK)).toBe(BULK);
      for (const { pod } of [near, far]) await pod.exec(['ethtool', '-K', 'eth0', 'tso', 'on', 'gso', 'on']);
    }, 120_000);
  });

  test('nothing was dropped', () => {
    for (const { counters } of pair.ends)
      expect({ ...counters.drops, 'unknown-destination': 0 }).toEqual({ 'unknown-destination': 0 });
  });
});
