import { afterEach, expect, test } from '@jest/globals';
import { compareEchoes, serveEcho } from '../support/echo-service.js';
import { UdpHosts } from '../support/udp-hosts.js';

let hosts: UdpHosts;
afterEach(() => hosts[Symbol.asyncDispose]());

test.each(['ipv4', 'ipv6'] as const)(
  'the user path and the kernel path understand each other on a wire of single datagrams, %s',
  async (family) => {
    hosts = await UdpHosts.create({ hosts: [{ path: 'user' }, { path: 'kernel' }], families: [family] });
    // As on a physical wire: what leaves a host is single datagrams with complete checksums.
    const off = ['tx', 'tso', 'gso', 'tx-udp-segmentation'].flatMap((name) => [name, 'off']);
    for (const { host } of hosts.hosts) await host.exec(['ethtool', '-K', 'eth0', ...off]);
    const [one, two] = hosts.hosts.map(({ host }) => host.pods[0]);
    expect(hosts.hosts.map(({ network }) => network.status().dataPath.name)).toEqual(['user', 'kernel']);
    for (const [from, to] of [
      [one, two],
      [two, one],
    ]) {
      const address = to.addresses[family];
      if (address === undefined) throw new Error('no address');
      await serveEcho(hosts.lab, to, address);
      expect(await compareEchoes(from, 'udp', address, { from: 1, to: 3200, step: 13 })).toBe(247);
      expect(await compareEchoes(from, 'tcp', address, { from: 1, to: 3200, step: 13 })).toBe(247);
      expect(await compareEchoes(from, 'tcp', address, { from: 65_000, to: 400_000, step: 33_331 })).toBe(11);
    }
  },
  600_000,
);
