import type { Address, Family, PerFamily, Prefix } from '@overlay/core';
import { addressAt, addressFamily, FAMILIES, parsePrefix } from '@overlay/core';
import type { Delivery, MemoryPacket } from './delivery.js';
import { deliver } from './delivery.js';
import { MemoryHost } from './host.js';
import type { MemoryPod } from './pod.js';

/** What a fabric looks like. */
export interface MemoryFabricOptions {
  /** Number of hosts, 1 to 100. */
  readonly hosts: number;
  readonly families: readonly Family[];
  /** `flat`: all on one link. `routed`: the first two are, each other host is behind a router. `flat` unless told. */
  readonly underlay?: 'flat' | 'routed';
  /** Bytes of the largest packet between hosts; 1500 unless told. */
  readonly mtu?: number;
}

/** Hosts in memory and what carries packets between them. */
export class MemoryFabric {
  readonly hosts: readonly MemoryHost[];
  readonly families: readonly Family[];
  readonly mtu: number;

  constructor({ hosts, families, underlay = 'flat', mtu = 1500 }: MemoryFabricOptions) {
    this.families = FAMILIES.filter((family) => families.includes(family));
    this.mtu = mtu;
    this.hosts = Array.from({ length: hosts }, (_, at) => {
      const prefixes = this.#link(underlay === 'flat' ? 0 : Math.max(0, at - 1));
      const addresses = perFamily(this.families, (family) => addressAt(prefixes[family] as Prefix, 10 + at));
      return new MemoryHost({ name: `h${at + 1}`, prefixes, addresses, mtu });
    });
  }

  /** The host with an address on the underlay. All links are routed to each other. */
  hostAt(address: Address): MemoryHost | undefined {
    return this.hosts.find((host) => Object.values(host.addresses).includes(address));
  }

  /** Sends one packet and tells what became of it. */
  send(from: MemoryPod, packet: MemoryPacket): Delivery {
    const host = this.hosts.find((each) => each.pods.includes(from));
    if (host === undefined) throw new TypeError(`fabric: ${from.name} is a pod of none of its hosts`);
    return deliver(host, from, packet, (address) => this.hostAt(address));
  }

  /** Sends a packet to an address and the answer back; undefined when both arrived, else why not. */
  ping(from: MemoryPod, to: Address, bytes = 84): string | undefined {
    const family = addressFamily(to);
    const source = from.addresses[family];
    if (source === undefined) return `${from.name} has no ${family} address`;
    const there = this.send(from, { source, destination: to, bytes });
    if (there.pod === undefined) return there.dropped;
    return this.send(there.pod, { source: to, destination: source, bytes }).dropped;
  }

  #link(n: number): PerFamily<Prefix> {
    const ranges = { ipv4: `192.168.${77 + n}.0/24`, ipv6: `fd77:77:77:${n.toString(16)}::/64` };
    return perFamily(this.families, (family) => parsePrefix(ranges[family]));
  }
}

function perFamily<T>(families: readonly Family[], of: (family: Family) => T): PerFamily<T> {
  return Object.fromEntries(families.map((family) => [family, of(family)]));
}
