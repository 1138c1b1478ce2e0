import { readdirSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { benchThroughput } from '@overlay/conformance/performance';

const SUBJECT = fileURLToPath(new URL('../../../scripts/bench/subjects/vxlan.mjs', import.meta.url));
const MINUTES = 60_000;

test(
  'the throughput benchmark carries traffic in each arrangement on both wires and leaves nothing',
  async () => {
    const signal = new AbortController().signal;
    const { backend, wires } = await benchThroughput({ subject: SUBJECT, rounds: 1, peers: 1000, signal });
    expect(backend).toBe('vxlan');
    for (const wire of ['whole', 'mtu'] as const) {
      const { results, ratios } = wires[wire];
      expect(results.map(({ arrangement, mtu }) => [arrangement, mtu])).toEqual([
        ['vxlan', 1450],
        ['plain', 1500],
        ['kernel-vxlan', 1450],
        ['vxlan, 1000 peers', 1450],
      ]);
      for (const { tcpGbps, tcp8Gbps, rttUs, cpuPerGbit } of results) {
        for (const figure of [tcpGbps, tcp8Gbps, rttUs, cpuPerGbit]) expect(figure).toBeGreaterThan(0);
      }
      expect(Object.keys(ratios)).toEqual(['plain', 'kernel-vxlan', 'vxlan, 1000 peers']);
      const [own, plain] = results;
      expect(ratios['plain'].tcpGbps).toBeCloseTo((own?.tcpGbps ?? 0) / (plain?.tcpGbps ?? 1), 1);
    }
    const left = readdirSync('/run/netns').filter((name) => name.startsWith(`ovb-${process.pid}-`));
    expect(left).toEqual([]);
  },
  3 * MINUTES,
);
