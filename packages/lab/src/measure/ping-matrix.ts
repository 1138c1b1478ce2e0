import type { Address, Family } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { LabHost, LabPod } from '../host/lab-host.js';
import type { NetworkNode } from '../host/network-node.js';
import { mapBounded } from '../system/bounded.js';
import { poll } from '../system/poll.js';
import type { PingResult } from './ping.js';
import { ping } from './ping.js';

/** From where to where: pods, and the hosts' own network. */
export type PairKind = 'pod-pod' | 'host-pod' | 'pod-host';

/** One direction between two nodes in one family. */
export interface PingPair {
  readonly kind: PairKind;
  readonly family: Family;
  readonly from: NetworkNode;
  readonly to: NetworkNode;
  /** The address that is pinged. */
  readonly address: Address;
  /** MTU between the two in bytes: a packet of that size has to pass unfragmented. */
  readonly mtu: number;
}

/** How a pair did. */
export interface PairResult extends PingResult {
  readonly pair: PingPair;
  /** One packet of full MTU size that must not be fragmented; none is sent where no small one came back. */
  readonly fullMtu: PingResult;
}

/** Pings at once: more of them than the machine has cores only measure each other. */
const CONCURRENCY = 4;

/** Every pair of a lab: each pod with each other pod, each host with each pod, both ways, in each family of the pods. */
export function pingPairs(hosts: readonly LabHost[]): PingPair[] {
  const pods = hosts.flatMap((host) => host.pods);
  const pairs: PingPair[] = [];
  const add = (kind: PairKind, from: NetworkNode, to: NetworkNode, mtu: number): void => {
    for (const family of FAMILIES) {
      const address = to.addresses[family];
      const pod = kind === 'pod-host' ? from : to;
      // A host that has no address in a family of the pods cannot be pinged in it.
      if (address !== undefined && pod.addresses[family] !== undefined) {
        pairs.push({ kind, family, from, to, address, mtu });
      }
    }
  };
  for (const from of pods) {
    for (const to of pods) if (from !== to) add('pod-pod', from, to, Math.min(from.mtu, to.mtu));
  }
  for (const host of hosts) {
    for (const pod of pods) {
      add('host-pod', host, pod, pod.mtu);
      add('pod-host', pod, host, pod.mtu);
    }
  }
  return pairs;
}

/** Whether everything that was sent came back, full-size packets included. */
export function cameBack(result: PairResult): boolean {
  return result.received === result.sent && result.fullMtu.received === result.fullMtu.sent;
}

/**
 * Waits until every two pods on different hosts have reached each other once: an agent that is ready knows the peers
 * that were there before it, and learns of the others within moments.
 *
 * @returns the pairs that had not by then; empty when all had.
 */
export async function waitConnected(
  hosts: readonly LabHost[],
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<readonly PingPair[]> {
  const { signal, timeoutMs } = options;
  const place = new Map<NetworkNode, number>(hosts.flatMap((host) => host.pods).map((pod, n) => [pod, n]));
  const hostOf = new Map<NetworkNode, LabHost>(hosts.flatMap((host) => host.pods.map((pod: LabPod) => [pod, host])));
  let waiting = pingPairs(hosts).filter(
    ({ kind, from, to }) =>
      // An answer proves both directions.
      kind === 'pod-pod' && hostOf.get(from) !== hostOf.get(to) && (place.get(from) ?? 0) < (place.get(to) ?? 0),
  );
  await poll(
    async () => {
      const answered = await mapBounded(waiting, CONCURRENCY, async ({ from, address }) => {
        return (await ping(from, address, { count: 1, timeout: 0.3, signal })).received > 0;
      });
      waiting = waiting.filter((_, n) => answered[n] === false);
      return waiting.length === 0;
    },
    { timeoutMs, intervalMs: 50, signal },
  );
  return waiting;
}

/**
 * Pings every pair of a lab, some at a time: small packets first, then packets of full MTU size with "don't fragment".
 *
 * @param options.onResult called as each pair is through, for showing progress.
 * @throws OverlayError `OVERLAY_ABORTED`.
 */
export async function pingMatrix(
  hosts: readonly LabHost[],
  options: {
    count?: number;
    signal?: AbortSignal;
    onResult?: (result: PairResult, done: number, of: number) => void;
  } = {},
): Promise<PairResult[]> {
  const { signal, count = 3, onResult } = options;
  const pairs = pingPairs(hosts);
  let done = 0;
  return await mapBounded(pairs, CONCURRENCY, async (pair): Promise<PairResult> => {
    const small = await ping(pair.from, pair.address, { count, signal });
    // Where nothing passes, a large packet tells nothing more, and costs a second of waiting.
    const fullMtu =
      small.received === 0
        ? { sent: 0, received: 0, rttMs: null }
        : await ping(pair.from, pair.address, { count: 1, packetSize: pair.mtu, signal });
    const result = { ...small, pair, fullMtu };
    onResult?.(result, ++done, pairs.length);
    return result;
  });
}
