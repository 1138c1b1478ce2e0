import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import type { Address, Family } from '@overlay/core';
import { SeededRandom } from '@overlay/core/testing';
import { compareEchoes, serveEcho } from '../support/echo-service.js';
import type { UdpEnd } from '../support/udp-hosts.js';
import { UdpHosts, program } from '../support/udp-hosts.js';

const FAMILIES = ['ipv4', 'ipv6'] as const;
const PORT = 8285;
/** What an interface may have or not have; the paths must carry everything with each set of them. */
const OFFLOADS = ['tx', 'sg', 'tso', 'gso', 'gro', 'tx-udp-segmentation', 'rx-gro-list'];
const PINGS = 5;

export interface RandomTrafficOptions {
  readonly dataPath: 'kernel' | 'user';
  readonly durationMs: number;
  /** The same seed gives the same steps. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** Told of each sample, and of how many steps there have been. */
  readonly onSample?: (sample: ProcessSample, steps: number) => void;
}

/** What this process, in which both ends of the network are, holds after a garbage collection. */
export interface ProcessSample {
  readonly anonymousKiB: number;
  readonly threads: number;
  readonly descriptors: number;
}

export interface RandomTrafficReport {
  readonly dataPath: string;
  readonly seconds: number;
  readonly seed: number;
  readonly steps: Readonly<Record<string, number>>;
  /** Payloads that came back as they were sent. */
  readonly compared: number;
  /** Echo requests without an answer in a second. */
  readonly lostPings: number;
  /** What did not come back as it was sent, or not at all. */
  readonly wrong: readonly string[];
  readonly packets: number;
  /** Datagrams of nonsense that were sent to the hosts' port. */
  readonly nonsense: number;
  readonly samples: readonly ProcessSample[];
}

/**
 * Pods of two hosts send each other payloads of random lengths by both families, while the interfaces' offloads change
 * and a peer and a stranger send nonsense; everything that comes back is compared.
 */
export async function randomTraffic(options: RandomTrafficOptions): Promise<RandomTrafficReport> {
  const { dataPath, durationMs, seed, signal, onSample } = options;
  const random = new SeededRandom(seed);
  await using pair = await UdpHosts.create({ stranger: true, families: FAMILIES, dataPath });
  const [near, far] = pair.ends;
  for (const family of FAMILIES) await serveEcho(pair.lab, far.pod, addressOf(far, family));
  await pair.reached();

  const steps: Record<string, number> = {};
  const wrong: string[] = [];
  const samples: ProcessSample[] = [];
  let [compared, nonsense, lostPings] = [0, 0, 0];

  const lengths = async (protocol: 'udp' | 'tcp', shortest: number, longest: number, count: number): Promise<void> => {
    const family = random.pick(FAMILIES);
    const step = random.between(1, 97);
    const from = random.between(shortest, longest - count * step);
    const to = from + (count - 1) * step;
    const same = await compareEchoes(near.pod, protocol, addressOf(far, family), { from, to, step });
    compared += same;
    if (same !== count) wrong.push(`${protocol} ${family} ${from} to ${to} by ${step}: ${same} of ${count}`);
  };
  const kinds: Readonly<Record<string, () => Promise<void>>> = {
    datagrams: () => lengths('udp', 1, 9000, 80),
    segments: () => lengths('tcp', 1, 9000, 80),
    streams: () => lengths('tcp', 20_000, 1_000_000, 4),
    offloads: async () => {
      const chosen = OFFLOADS.flatMap((name) => [name, random.pick(['on', 'off'])]);
      // Not every interface lets itself be told everything.
      await random.pick(pair.ends).host.exec(['ethtool', '-K', 'eth0', ...chosen], { check: false });
    },
    pings: async () => {
      const how = random.pick([
        ['-T', 'tsonly'],
        ['-M', 'do', '-s', '1300'],
        ['-s', '5000'],
        ['-f', '-s', '1'],
      ]);
      const answers = await pair.ping(PINGS, ...how);
      // On a busy machine an answer may come later than ping waits; none at all is another matter.
      lostPings += PINGS - answers;
      if (answers === 0) wrong.push(`ping ${how.join(' ')}: 0 of ${PINGS}`);
    },
    nonsense: async () => {
      const payloads = Array.from({ length: 20 }, () => random.bytes(random.between(0, 1400)));
      // The first byte decides how the rest is read.
      for (const payload of payloads) if (payload.length > 0) payload[0] = random.pick([0x45, 0x46, 0x4f, 0x60, 0xff]);
      const from = random.pick([near.host, pair.stranger]);
      const to = far.host.addresses[random.pick(FAMILIES)] ?? '';
      const hex = payloads.map((payload) => Buffer.from(payload).toString('hex'));
      await from.exec(program('send-datagrams', to, PORT, 1, ...hex));
      nonsense += payloads.length;
    },
  };

  const started = performance.now();
  const sampleEveryMs = durationMs / 40;
  while (performance.now() - started < durationMs && signal?.aborted !== true) {
    const kind = random.pick(Object.keys(kinds));
    await kinds[kind]();
    steps[kind] = (steps[kind] ?? 0) + 1;
    if (performance.now() - started < samples.length * sampleEveryMs) continue;
    samples.push(sample());
    onSample?.(
      samples[samples.length - 1],
      Object.values(steps).reduce((sum, count) => sum + count, 0),
    );
  }
  const packets = pair.ends.reduce((sum, { counters }) => sum + counters.sent.packets, 0);
  const seconds = Math.round((performance.now() - started) / 1000);
  return { dataPath, seconds, seed, steps, compared, lostPings, wrong, packets, nonsense, samples };
}

function addressOf(end: UdpEnd, family: Family): Address {
  const address = end.pod.addresses[family];
  if (address === undefined) throw new Error(`the pod of ${end.host.name} has no ${family}`);
  return address;
}

function sample(): ProcessSample {
  globalThis.gc?.();
  const text = readFileSync('/proc/self/status', 'latin1');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
  const descriptors = readdirSync(path.join('/proc', String(process.pid), 'fd')).length;
  return { anonymousKiB: field('RssAnon'), threads: field('Threads'), descriptors };
}
