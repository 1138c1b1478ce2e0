import type { DropReason, Traffic, UdpCounters } from '../data-path.js';
import { COUNTERS, readStray, STRAY_BYTES, STRAY_KEY_BYTES, TRAFFIC_BYTES } from './layout.js';
import type { Stray } from './layout.js';
import type { BpfMaps } from './maps.js';

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

/** Subnets of peers that came from addresses which they do not publish; at most 64, the latest. */
export function readStrays(maps: BpfMaps): Stray[] {
  const { keys, values, count } = maps.dump('strays');
  return Array.from({ length: count }, (_, index) =>
    readStray(keys, index * STRAY_KEY_BYTES, values, index * STRAY_BYTES),
  );
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
