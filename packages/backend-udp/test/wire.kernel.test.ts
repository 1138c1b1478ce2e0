import { describe, expect, test } from '@jest/globals';
import { checksum } from './support/packets.js';
import { UdpPair, until } from './support/udp-pair.js';

const ETHERNET = 14;

/** Frames out of what `tcpdump -xx` prints. */
function frames(text: string): Buffer[] {
  const packets = text.split(/^(?=\S)/m).filter((part) => part.includes('\t0x'));
  return packets.map((part) => {
    const hex = [...part.matchAll(/^\s+0x[\da-f]+: +((?:[\da-f]{2,4} ?)+)/gm)].map(([, words]) =>
      words.replaceAll(' ', ''),
    );
    return Buffer.from(hex.join(''), 'hex');
  });
}

describe('what leaves a host', () => {
  test.each<{ by: string; silent: boolean; dataPath?: 'kernel' | 'user' }>([
    { by: 'the kernel path to a host with the kernel path, an interface without offloads', silent: false },
    { by: 'the kernel path to a host that may be one of flanneld’s, any interface', silent: true },
    { by: 'the user path, an interface without offloads', silent: false, dataPath: 'user' },
  ])(
    'by $by: one whole IP packet in each datagram, lengths, checksums and TTLs right',
    async ({ silent, dataPath = 'kernel' }) => {
      await using pair = await UdpPair.create({ silent, dataPath });
      const [near, far] = pair.ends;
      await until('the pods reach each other', async () => (await pair.ping()) === 3);
      // So that checksums are there when the packet is captured, and segments are what is on the wire.
      if (!silent) await near.exec('ethtool -K eth0 tx off tso off gso off');
      await using capture = await pair.lab.capture(near.host, 'eth0', 'udp port 8285 and src 192.168.77.11');
      expect(await pair.ping(3, '-s', '56')).toBe(3);
      expect(await pair.ping(3, '-s', '1444')).toBe(3);
      expect(await pair.ping(3, '-s', '5000')).toBe(3);
      await far.pod.exec(['sh', '-c', 'iperf3 -s -1 -D']);
      const iperf = ['iperf3', '-c', far.pod.addresses.ipv4 ?? '', '-n', '1M', '-b', '20M'];
      await until('a stream passed', async () => (await near.pod.exec(iperf, { check: false })).code === 0);
      await capture.stop();
      const sent = frames(await capture.text(['-xx']));
      // Of a burst the capture misses some; the echo requests, which come one by one, are 18.
      expect(sent.length).toBeGreaterThan(20);
      const sizes = new Set<number>();
      const ports = new Set<number>();
      for (const frame of sent) {
        const outer = frame.subarray(ETHERNET);
        expect([outer[0], outer[8], outer[9], checksum(outer.subarray(0, 20))]).toEqual([0x45, 64, 17, 0]);
        expect(outer.readUInt16BE(2)).toBe(outer.length);
        // The kernel path forbids fragments; a socket does as flanneld's.
        expect(outer.readUInt16BE(6)).toBe(dataPath === 'kernel' ? 0x4000 : 0);
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

/** What the checksums of TCP (RFC 9293) and UDP (RFC 768) cover beside the segment. */
function pseudoHeader(ip: Buffer): Buffer {
  const header = Buffer.alloc(12);
  ip.copy(header, 0, 12, 20);
  header[9] = ip[9] ?? 0;
  header.writeUInt16BE(ip.length - 20, 10);
  return header;
}
