import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@overlay/core/testing';
import type { Address } from '@overlay/core';
import { UdpHosts } from '../support/udp-hosts.js';

const SOURCE = fileURLToPath(new URL('../../test/support/segments.c', import.meta.url));
const FAMILIES = ['ipv4', 'ipv6'] as const;
const PORT = '7009';
/** Datagrams, the last one shorter than the others. Two bytes of payload tell one from those of an attempt before. */
const MESSAGES = [
  { size: 2, bytes: 127 },
  { size: 64, bytes: 64 * 64 },
  { size: 1000, bytes: 64_001 },
  { size: 1392, bytes: 46 * 1392 - 7 },
  { size: 1392, bytes: 1392 + 1 },
] as const;

describe('datagrams that leave a pod as one, by the user path', () => {
  let folder: string;
  let pair: UdpHosts;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'overlay-segments-'));
    const flags = ['-D_GNU_SOURCE', '-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror'];
    execFileSync(process.env.CC ?? 'gcc', [...flags, '-o', path.join(folder, 'segments'), SOURCE]);
    pair = await UdpHosts.create({ families: FAMILIES, dataPath: 'user' });
    await pair.reached();
  }, 120_000);
  afterAll(async () => {
    await pair[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }, 30_000);

  test.each(FAMILIES)(
    'come back byte for byte from a pod that sends them back as one, %s',
    async (family) => {
      const [near, far] = pair.ends;
      const segments = path.join(folder, 'segments');
      const to = far.pod.addresses[family] as Address;
      const logFile = path.join(folder, `serve-${family}`);
      far.pod.spawn([segments, 'serve', to, PORT], { logFile });
      await until('it serves', () => readFileSync(logFile, 'utf8').includes('serving'));
      const before = near.counters;
      let all = 0;
      for (const { size, bytes } of MESSAGES) {
        const { stdout } = await near.pod.exec([segments, 'ask', to, PORT, String(size), String(bytes)]);
        expect(Number(stdout)).toBe(Math.ceil(bytes / size));
        all += Number(stdout);
      }
      // What is counted is what is on the wire.
      for (const way of ['sent', 'received'] as const) {
        expect(near.counters[way].packets - before[way].packets).toBeGreaterThanOrEqual(all);
      }
      expect(near.status.dataPath.offloads).toMatchObject({ tso: true });
      expect(near.counters.drops.malformed ?? 0).toBe(0);
      expect(far.counters.drops.malformed ?? 0).toBe(0);
    },
    120_000,
  );
});
