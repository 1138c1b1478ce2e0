import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Address } from '@overlay/core';
import { compareEchoes, serveEcho } from './support/echo-service.js';
import { UdpHosts } from './support/udp-hosts.js';

/** What a wire carries: as between namespaces, super-packets and unfinished checksums; as outside, single datagrams. */
const WIRES = {
  'a wire that carries super-packets': [],
  'a wire of single datagrams': ['tx', 'tso', 'gso', 'tx-udp-segmentation'].flatMap((name) => [name, 'off']),
} as const;
const CASES = [
  { family: 'ipv4', underlay: 'flat' },
  { family: 'ipv6', underlay: 'routed' },
] as const;

describe.each(CASES)('the user path and the kernel path, $family, $underlay', ({ family, underlay }) => {
  let hosts: UdpHosts;
  beforeAll(async () => {
    hosts = await UdpHosts.create({ dataPath: ['user', 'kernel'], families: [family], underlay });
    expect(hosts.ends.map(({ status }) => status.dataPath.name)).toEqual(['user', 'kernel']);
    for (const { pod } of hosts.ends) await serveEcho(hosts.lab, pod, pod.addresses[family] as Address);
  }, 60_000);
  afterAll(() => hosts[Symbol.asyncDispose](), 30_000);

  test.each(Object.keys(WIRES) as (keyof typeof WIRES)[])(
    'understand each other on %s',
    async (wire) => {
      for (const { host } of hosts.ends) {
        if (WIRES[wire].length > 0) await host.exec(['ethtool', '-K', 'eth0', ...WIRES[wire]]);
      }
      const [one, two] = hosts.ends.map(({ pod }) => pod);
      for (const [from, to] of [
        [one, two],
        [two, one],
      ]) {
        const address = to.addresses[family] as Address;
        expect(await compareEchoes(from, 'udp', address, { from: 1, to: 4500 })).toBe(4500);
        expect(await compareEchoes(from, 'tcp', address, { from: 1, to: 4500 })).toBe(4500);
        expect(await compareEchoes(from, 'tcp', address, { from: 65_000, to: 1_400_000, step: 33_331 })).toBe(41);
      }
      for (const { counters } of hosts.ends) {
        expect({ ...counters.drops, 'unknown-destination': 0 }).toEqual({ 'unknown-destination': 0 });
      }
    },
    300_000,
  );
});
