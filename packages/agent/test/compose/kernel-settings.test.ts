import { describe, expect, test } from '@jest/globals';
import type { Finding } from '@overlay/core';
import { hostGw } from '@overlay/backend-host-gw';
import { vxlan } from '@overlay/backend-vxlan';
import { parseNetConf, silentLogger } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import { Sysctl } from '@overlay/linux';
import { KernelSettings } from '../../dist/compose/kernel-settings.js';

const THIRD = '/proc/sys/net/ipv4/neigh/default/gc_thresh3';

/** The settings of a host whose files are in memory. */
function settings(backend: object) {
  const files = new Map(
    [1, 2, 3].map((at) => [`/proc/sys/net/ipv4/neigh/default/gc_thresh${at}`, String(128 * 2 ** at)]),
  );
  const sysctl = new Sysctl({
    files: {
      read: async (path) => files.get(path),
      write: async (path, text) => void files.set(path, text),
    },
  });
  const wrong: Finding = { level: 'error', check: 'sysctl', message: 'no forwarding', remedy: 'run: x' };
  const forwarding: Finding[][] = [[wrong], []];
  const prepareForwarding = async (): Promise<readonly Finding[]> => forwarding.shift() ?? [];
  const linux = { sysctl, prepareForwarding } as unknown as Linux;
  const kernel = new KernelSettings({
    linux,
    backends: [vxlan({ linux }), hostGw({ linux })],
    logger: silentLogger,
  });
  const netConf = parseNetConf(JSON.stringify({ Network: '10.0.0.0/8', Backend: backend }), { source: 'x' });
  kernel.follow({ type: 'config', netConf });
  return { kernel, third: () => Number(files.get(THIRD)), forwarding };
}

/** Lets what goes on in memory come to its end. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

describe('room for neighbours', () => {
  test.each([
    ['host-gw', { Type: 'host-gw' }],
    ['vxlan with DirectRouting', { Type: 'vxlan', directrouting: true }],
  ])('grows with the peers of %s', async (_title, backend) => {
    const { kernel, third } = settings(backend);
    kernel.followPeers(50);
    await settle();
    expect(third()).toBe(1024);
    kernel.followPeers(3000);
    await settle();
    expect(third()).toBeGreaterThanOrEqual(4 * 4500);
  });

  test('peers behind a tunnel need none', async () => {
    const { kernel, third } = settings({ Type: 'vxlan' });
    kernel.followPeers(3000);
    await settle();
    expect(third()).toBe(1024);
  });
});

test('what was wrong with forwarding is looked at again until it is mended', async () => {
  const { kernel, forwarding } = settings({ Type: 'vxlan' });
  await kernel.refresh();
  expect(forwarding).toHaveLength(2);
  await kernel.checkForwarding();
  expect(kernel.findings).toMatchObject([{ message: 'no forwarding' }]);
  await kernel.refresh();
  expect(kernel.findings).toEqual([]);
});
