import type { Finding } from '@overlay/core';
import type { DataPathStatus, DropReason, PeerTraffic, UdpCounters } from '../data-path.js';
import type { Engine, Stray } from './engine.js';

/** In the order of `enum reason` in native/engine/counters.h. */
export const REASONS: readonly DropReason[] = [
  'unknown-destination',
  'unknown-sender',
  'wrong-source',
  'wrong-destination',
  'malformed',
  'too-large',
  'ttl-expired',
  'unreachable',
  'overload',
];

const MOST_PEERS = 100;

/** What the engine tells, for people and metrics. */
export function engineStatus(engine: Engine): DataPathStatus {
  const { tso, uso, segmentation, grouping } = engine.state;
  return {
    counters: decodeCounters(engine.counters()),
    peers: busiest(engine.traffic(), MOST_PEERS),
    offloads: { tso, uso, 'udp-segment': segmentation, 'udp-gro': grouping },
    findings: engine.strays().map(strayFinding),
  };
}

/** Those with the most bytes in both directions together, in this order, at most so many. */
export function busiest(peers: readonly PeerTraffic[], most: number): readonly PeerTraffic[] {
  const bytes = ({ sent, received }: PeerTraffic): number => sent.bytes + received.bytes;
  return [...peers].sort((a, b) => bytes(b) - bytes(a)).slice(0, most);
}

/** In the order of `struct counters` in native/engine/counters.h. */
export function decodeCounters(numbers: readonly number[]): UdpCounters {
  const [sentPackets = 0, sentBytes = 0, receivedPackets = 0, receivedBytes = 0, ...reasons] = numbers;
  return {
    sent: { packets: sentPackets, bytes: sentBytes },
    received: { packets: receivedPackets, bytes: receivedBytes },
    drops: byReason(reasons.slice(0, REASONS.length)),
    passed: byReason(reasons.slice(REASONS.length)),
  };
}

function byReason(numbers: readonly number[]): Partial<Record<DropReason, number>> {
  const counted = REASONS.map((reason, i) => [reason, numbers[i] ?? 0] as const).filter(([, number]) => number > 0);
  return Object.fromEntries(counted);
}

function strayFinding({ peer, sender }: Stray): Finding {
  const subnets = Object.values(peer.subnets).join(' and ');
  return {
    level: 'warning',
    check: 'udp-sender',
    message: `packets of ${subnets} come from ${sender}, an address that its host does not publish`,
    remedy: 'give that host --public-ip with the address that others see (it is behind NAT, or has a second address)',
  };
}
