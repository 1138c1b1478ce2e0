// What pods send in super-packets is counted as the packets that it is on the wire, and arrives as them.
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@overlay/core/testing';
import { compareEchoes, serveEcho } from './support/echo-service.js';
import type { UdpEnd } from './support/udp-hosts.js';
import { UdpHosts } from './support/udp-hosts.js';

const [SEGMENTS, SEGMENT] = [40, 1000];
/** The last segment is a shorter one. */
const BYTES = SEGMENTS * SEGMENT - 400;
const PORT = 7300;
/** UDP_SEGMENT of linux/udp.h, in bytes, as socat takes it: level, option, value. */
const IN_SEGMENTS = `setsockopt=17:103:${SEGMENT}`;
const HEADERS = { ipv4: 28, ipv6: 48 } as const;
const CASES = (['kernel', 'user'] as const).flatMap((dataPath) =>
  (['ipv4', 'ipv6'] as const).map((family) => ({ dataPath, family })),
);

describe.each(CASES)('super-packets through the $dataPath path by $family', ({ dataPath, family }) => {
  let pair: UdpHosts;
  let near: UdpEnd;
  let far: UdpEnd;
  beforeAll(async () => {
    pair = await UdpHosts.create({ families: [family], dataPath });
    [near, far] = pair.ends;
  }, 60_000);
  afterAll(() => pair[Symbol.asyncDispose](), 30_000);

  /** Packets and bytes that one end has sent, and the other one got, since. */
  const since = (before: { sent: UdpEnd['counters']['sent']; received: UdpEnd['counters']['received'] }): unknown => ({
    sent: [near.counters.sent.packets - before.sent.packets, near.counters.sent.bytes - before.sent.bytes],
    received: [
      far.counters.received.packets - before.received.packets,
      far.counters.received.bytes - before.received.bytes,
    ],
  });
  const now = () => ({ sent: near.counters.sent, received: far.counters.received });

  test('datagrams (UDP_SEGMENT) arrive one by one, byte for byte, and are counted one by one', async () => {
    const address = far.pod.addresses[family] ?? '';
    const [to, listen] = family === 'ipv4' ? [`UDP4:${address}`, 'UDP4-RECV'] : [`UDP6:[${address}]`, 'UDP6-RECV'];
    const [file, got] = ['sent', 'got'].map((name) => path.join(pair.lab.directory, `${name}-${family}`));
    const bytes = randomBytes(BYTES);
    await writeFile(file, bytes);
    const logFile = path.join(pair.lab.directory, `socat-${family}.log`);
    far.pod.spawn(['socat', '-b', '65536', '-u', `${listen}:${PORT}`, `OPEN:${got},creat,append`], { logFile });
    const arrived = (): Promise<Buffer> => readFile(got).catch(() => Buffer.alloc(0));
    // The first ones find out the neighbours, and whether somebody listens.
    await until('one datagram arrives', async () => {
      await near.pod.exec(['sh', '-c', `printf x | socat -u - ${to}:${PORT}`]);
      return (await arrived()).length > 0;
    });
    await until('no datagram is on its way', async () => {
      const length = (await arrived()).length;
      return length > 0 && far.counters.received.packets >= near.counters.sent.packets - 2;
    });
    const [before, length] = [now(), (await arrived()).length];
    await near.pod.exec(['socat', '-b', '65536', '-u', `FILE:${file}`, `${to}:${PORT},${IN_SEGMENTS}`]);
    const total = BYTES + SEGMENTS * HEADERS[family];
    await until('all are counted', () => far.counters.received.packets - before.received.packets >= SEGMENTS);
    expect(since(before)).toEqual({ sent: [SEGMENTS, total], received: [SEGMENTS, total] });
    await until('all have arrived', async () => (await arrived()).length >= length + BYTES);
    expect((await arrived()).subarray(length).equals(bytes)).toBe(true);
  }, 60_000);

  test('streams are counted alike by both ends, with the headers of each segment', async () => {
    const to = far.pod.addresses[family];
    if (to === undefined) throw new Error('no address');
    await serveEcho(pair.lab, far.pod, to);
    const before = now();
    const length = 4 << 20;
    expect(await compareEchoes(near.pod, 'tcp', to, { from: length, to: length })).toBe(1);
    await until('both have counted all', () => {
      const { sent, received } = since(before) as { sent: number[]; received: number[] };
      return sent[0] === received[0] && sent[1] === received[1];
    });
    const { sent } = since(before) as { sent: number[] };
    // IP, TCP and its timestamps; the first packet of all has more of them, and a few are sent again.
    const headers = HEADERS[family] - 8 + 32;
    expect(sent[0]).toBeGreaterThanOrEqual(length / (1472 - headers));
    expect(sent[1] - sent[0] * headers).toBeGreaterThanOrEqual(length);
    expect(sent[1] - sent[0] * headers).toBeLessThan(length * 1.05);
  }, 60_000);
});
