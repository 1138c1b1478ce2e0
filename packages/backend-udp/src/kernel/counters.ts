import { addressBits, addressFamily, makePrefix } from '@overlay/core';
import type { Address } from '@overlay/core';
import type { DropReason, Traffic, UdpCounters } from '../data-path.js';
import {
  COUNTERS,
  readStray,
  ROUTE_KEY_BYTES,
  STRAY_BYTES,
  STRAY_KEY_BYTES,
  TRAFFIC_BYTES,
  writeRouteKey,
} from './layout.js';
import type { Stray } from './layout.js';
import type { BpfMaps } from './maps.js';

/** So long after its last packet what was wrong with a peer's address is taken to be mended. */
const STRAY_NS = 600_000_000_000n;

/** What the programs have counted on all CPUs. */
export function readCounters(maps: BpfMaps): UdpCounters {
  const counters = {
    sent: { packets: 0, bytes: 0 },
    received: { packets: 0, bytes: 0 },
    drops: {} as Partial<Record<DropReason, number>>,
    passed: {} as Partial<Record<DropReason, number>>,
  };
  COUNTERS.forEach((counter, index) => {
    const traffic = sum(maps.element('counters', index));
    if ('traffic' in counter) counters[counter.traffic] = traffic;
    else if (traffic.packets === 0) return;
    else if ('drop' in counter) counters.drops[counter.drop] = traffic.packets;
    else counters.passed[counter.passed] = traffic.packets;
  });
  return counters;
}

/**
 * Peers whose packets come from addresses which they do not publish; at most 64, the latest. What is over is not among them:
 * the map, which outlives the agent and its peers, keeps it until there is no more room.
 *
 * @param now Nanoseconds of CLOCK_MONOTONIC.
 */
export function readStrays(maps: BpfMaps, now: bigint): Stray[] {
  const { keys, values, count } = maps.dump('strays');
  const all = Array.from({ length: count }, (_, index) =>
    readStray(keys, index * STRAY_KEY_BYTES, values, index * STRAY_BYTES),
  );
  return all.filter(
    ({ outer, endpoint, last }) => now - last < STRAY_NS && !isPublished(maps, outer) && isPublished(maps, endpoint),
  );
}

/** Whether a peer publishes an address: it is among the routes then, with its full length. */
function isPublished(maps: BpfMaps, address: Address): boolean {
  const family = addressFamily(address);
  const key = new Uint8Array(ROUTE_KEY_BYTES[family]);
  writeRouteKey(key, 0, makePrefix(address, addressBits(family)));
  return maps.lookup(family === 'ipv4' ? 'routes4' : 'routes6', key) !== undefined;
}

function sum(values: Uint8Array): Traffic {
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  let packets = 0;
  let bytes = 0;
  for (let at = 0; at < values.byteLength; at += TRAFFIC_BYTES) {
    packets += Number(view.getBigUint64(at, true));
    bytes += Number(view.getBigUint64(at + 8, true));
  }
  return { packets, bytes };
}
