import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { until } from '@overlay/core/testing';
import { packetsOf } from './support/frames.js';
import { ODD, sendOdd } from './support/odd-datagram.js';
import { checksum, echoRequest, emptyPacket } from './support/packets.js';
import { UdpHosts } from './support/udp-hosts.js';

describe('what leaves a host', () => {
  test.each<{ by: string; silent: boolean; dataPath?: 'kernel' | 'user' }>([
    { by: 'the kernel path to a host with the kernel path, an interface without offloads', silent: false },
    { by: 'the kernel path to a host that may be one of flanneld’s, any interface', silent: true },
    { by: 'the user path, an interface without offloads', silent: false, dataPath: 'user' },
  ])(
    'by $by: one whole IP packet in each datagram, lengths, checksums and TTLs right',
    async ({ silent, dataPath = 'kernel' }) => {
      await using pair = await UdpHosts.create({ silent, dataPath });
      const [near, far] = pair.ends;
      await pair.reached();
      // So that checksums are there when the packet is captured, and segments are what is on the wire.
      if (!silent) await near.exec('ethtool -K eth0 tx off tso off gso off');
      await using capture = await pair.lab.capture(near.host, 'eth0', 'udp port 8285 and src 192.168.77.11');
      await pair.reached('-s', '56');
      await pair.reached('-s', '1444');
      await pair.reached('-s', '5000');
      await far.pod.exec(['sh', '-c', 'iperf3 -s -1 -D']);
      const iperf = ['iperf3', '-c', far.pod.addresses.ipv4 ?? '', '-n', '1M', '-b', '20M'];
      await until('a stream passed', async () => (await near.pod.exec(iperf, { check: false })).code === 0);
      await capture.stop();
      const sent = await packetsOf(capture);
      // Of a burst the capture misses some; the echo requests, which come one by one, are 18.
      expect(sent.length).toBeGreaterThan(20);
      const sizes = new Set<number>();
      const ports = new Set<number>();
      const ids = new Set<number>();
      for (const outer of sent) {
        expect([outer[0], outer[8], outer[9], checksum(outer.subarray(0, 20))]).toEqual([0x45, 64, 17, 0]);
        expect(outer.readUInt16BE(2)).toBe(outer.length);
        // Fragments are forbidden where nobody would put them together: sockets do.
        expect(outer.readUInt16BE(6)).toBe(dataPath === 'kernel' && !silent ? 0x4000 : 0);
        ids.add(outer.readUInt16BE(4));
        const datagram = outer.subarray(20);
        ports.add(datagram.readUInt16BE(0));
        expect([datagram.readUInt16BE(2), datagram.readUInt16BE(4)]).toEqual([8285, datagram.length]);
        if (dataPath === 'kernel') expect(datagram.readUInt16BE(6)).toBe(0);
        else expect(checksum(Buffer.concat([pseudoHeader(outer), datagram]))).toBe(0);
        const inner = datagram.subarray(8);
        // The host has forwarded it, and that is all; the user path is one hop more, as flanneld is.
        const ttl = dataPath === 'kernel' ? 63 : 62;
        expect([inner[0], inner[8], checksum(inner.subarray(0, 20))]).toEqual([0x45, ttl, 0]);
        expect(inner.readUInt16BE(2)).toBe(inner.length);
        sizes.add(inner.length);
        const fragment = (inner.readUInt16BE(6) & 0x3fff) !== 0;
        if (inner[9] === 1 && !fragment) expect(checksum(inner.subarray(20))).toBe(0);
        if (inner[9] === 6) expect(checksum(Buffer.concat([pseudoHeader(inner), inner.subarray(20)]))).toBe(0);
      }
      expect(Math.max(...sizes)).toBe(1472);
      // Whose datagrams may be cut has to tell their parts apart (RFC 791).
      if (silent) expect(ids.size).toBeGreaterThan(sent.length / 2);
      if (dataPath === 'user') {
        expect([...ports]).toEqual([8285]);
        return;
      }
      // Each flow has a port of its own, out of the dynamic ones.
      expect(Math.min(...ports)).toBeGreaterThanOrEqual(0xc000);
      expect(ports.size).toBeGreaterThan(1);
    },
    60_000,
  );
});

test('a router may cut what the kernel path sends to sockets, which put it together', async () => {
  await using hosts = await UdpHosts.create({ dataPath: ['kernel', 'user', 'user'], underlay: 'routed' });
  const [near, ...others] = hosts.ends;
  const far = others.find(({ host }) => host.plan.segment !== near.host.plan.segment);
  if (!far) throw new Error('all hosts are on one segment');
  const comes = async (bytes: number): Promise<boolean> => {
    const argv = ['ping', '-n', '-c', '1', '-W', '1', '-s', String(bytes), far.pod.addresses.ipv4 ?? ''];
    return (await near.pod.exec(argv, { check: false })).code === 0;
  };
  await until('the pods reach each other', () => comes(1444));
  const narrow = ['link', 'set', far.host.plan.segment.bridge, 'mtu', '1300'];
  execFileSync('ip', ['-n', hosts.lab.topology.routerNetns, ...narrow]);
  await using capture = await hosts.lab.capture(far.host, 'eth0', 'ip[6:2] & 0x3fff != 0');
  await until('the pods reach each other in pieces', () => comes(1444));
  await until('the pieces are seen', async () => (await packetsOf(capture)).length > 1);
}, 60_000);

describe.each(['kernel', 'user'] as const)('what comes to the %s path', (dataPath) => {
  test('may be without an outer checksum, over IPv6 too', async () => {
    await using pair = await UdpHosts.create({ families: ['ipv4', 'ipv6'], dataPath });
    const [near, far] = pair.ends;
    const zero = 'udp[6:2] = 0 or (ip6[6] = 17 and ip6[46:2] = 0)';
    await using capture = await pair.lab.capture(near.host, 'eth0', `udp dst port 8285 and (${zero})`);
    const inner = { ipv4: echoRequest, ipv6: emptyPacket } as const;
    for (const family of ['ipv4', 'ipv6'] as const) {
      const [from, to, host] = [near.pod, far.pod, far.host].map(({ addresses }) => addresses[family]);
      if (from === undefined || to === undefined || host === undefined) throw new Error(`no ${family}`);
      const payload = inner[family](from, to);
      const odd = family === 'ipv4' ? ODD.noChecksumIPv4 : ODD.noChecksumIPv6;
      const before = far.counters.received.packets;
      await sendOdd(near.host, [{ to: host, port: 8285, payload, odd }]);
      await until(`the one over ${family} is let in`, () => far.counters.received.packets > before);
      expect((await packetsOf(capture)).filter((packet) => packet.includes(payload))).toHaveLength(1);
    }
    expect(far.counters.drops).toEqual({});
  }, 60_000);
});

/** What the checksums of TCP (RFC 9293) and UDP (RFC 768) cover beside the segment. */
function pseudoHeader(ip: Buffer): Buffer {
  const header = Buffer.alloc(12);
  ip.copy(header, 0, 12, 20);
  header[9] = ip[9] ?? 0;
  header.writeUInt16BE(ip.length - 20, 10);
  return header;
}
