import { addressAt, OverlayError, parsePrefix, prefixesOverlap } from '@overlay/core';
import type { Address, Family, PerFamily, Prefix } from '@overlay/core';
import type { LabShape, Underlay } from './options.js';

/** What every namespace of a lab is named after: `ovl-<id>`. */
export function labPrefix(id: string): string {
  return `ovl-${id}`;
}

/** One Ethernet segment of the underlay: a bridge in the router's namespace. */
export interface SegmentPlan {
  readonly bridge: string;
  readonly prefixes: PerFamily<Prefix>;
  /** The router's addresses on the segment, the default route of its hosts. */
  readonly gateways: PerFamily<Address>;
}

/** One host: a namespace with `eth0` on a segment. */
export interface HostPlan {
  /** `h1`, `h2`, … */
  readonly name: string;
  /** 1 for the first host. */
  readonly index: number;
  readonly netns: string;
  readonly segment: SegmentPlan;
  readonly addresses: PerFamily<Address>;
}

/** A lab's namespaces and addresses, before anything is made. */
export interface Topology {
  readonly id: string;
  readonly underlay: Underlay;
  readonly families: readonly Family[];
  /** MTU of the underlay in bytes. */
  readonly mtu: number;
  /** The namespace with all the bridges; it forwards between them and is everybody's default gateway. */
  readonly routerNetns: string;
  readonly segments: readonly SegmentPlan[];
  readonly hosts: readonly HostPlan[];
}

/**
 * Where the underlay's segments may lie, the nth segment in the nth subnet. Private ranges (RFC 1918, RFC 4193): they
 * are seen inside the lab's namespaces only, so the overlay's own networks are all that they could collide with.
 */
const RANGES: Readonly<Record<Family, readonly ((segment: number) => Prefix)[]>> = {
  ipv4: ['192.168', '172.31', '10.177'].map((range) => (n: number) => parsePrefix(`${range}.${77 + n}.0/24`)),
  ipv6: ['fd77:77:77', 'fd78:77:77', 'fd79:77:77'].map((range) => (n: number) => parsePrefix(`${range}:${n}::/64`)),
};

function underlayPrefixes(family: Family, segments: number, avoid: readonly Prefix[]): Prefix[] {
  const inFamily = avoid.filter((prefix) => prefix.includes(':') === (family === 'ipv6'));
  for (const range of RANGES[family]) {
    const prefixes = Array.from({ length: segments }, (_, n) => range(n));
    if (!prefixes.some((prefix) => inFamily.some((other) => prefixesOverlap(prefix, other)))) return prefixes;
  }
  throw new OverlayError(
    'OVERLAY_LAB_OPTION',
    `lab: no room for an underlay beside ${inFamily.join(', ')}: use a smaller ${family === 'ipv4' ? 'Network' : 'IPv6Network'}`,
    { key: 'avoid' },
  );
}

/** Host 12 has the address ending in .22, or in ::22, so that a person finds it in a capture. */
function hostOffset(index: number, family: Family): number {
  const shown = 10 + index;
  return family === 'ipv4' ? shown : Number.parseInt(String(shown), 16);
}

function perFamily<T>(families: readonly Family[], of: (family: Family) => T): PerFamily<T> {
  return Object.fromEntries(families.map((family) => [family, of(family)]));
}

/**
 * The topology that a lab of this shape has. Pure: the same shape gives the same topology.
 *
 * @throws OverlayError `OVERLAY_LAB_OPTION` when `avoid` leaves no room for the underlay.
 */
export function planTopology(shape: LabShape): Topology {
  const { id, families, underlay } = shape;
  const prefix = labPrefix(id);
  const segmentCount = underlay === 'flat' ? 1 : Math.max(1, shape.hosts - 1);
  const prefixes = perFamily(families, (family) => underlayPrefixes(family, segmentCount, shape.avoid));
  const segments = Array.from({ length: segmentCount }, (_, n): SegmentPlan => {
    const here = perFamily(families, (family) => (prefixes[family] as Prefix[])[n]);
    return {
      bridge: `br${n}`,
      prefixes: here,
      gateways: perFamily(families, (family) => addressAt(here[family] as Prefix, 1)),
    };
  });
  const hosts = Array.from({ length: shape.hosts }, (_, n): HostPlan => {
    const segment = segments[underlay === 'flat' ? 0 : Math.max(0, n - 1)];
    return {
      name: `h${n + 1}`,
      index: n + 1,
      netns: `${prefix}-h${n + 1}`,
      segment,
      addresses: perFamily(families, (family) =>
        addressAt(segment.prefixes[family] as Prefix, hostOffset(n + 1, family)),
      ),
    };
  });
  return { id, underlay, families, mtu: shape.mtu, routerNetns: `${prefix}-router`, segments, hosts };
}
