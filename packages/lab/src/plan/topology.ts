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

/** A namespace with `eth0` on a segment. */
export interface MachinePlan {
  readonly name: string;
  readonly netns: string;
  readonly segment: SegmentPlan;
  readonly addresses: PerFamily<Address>;
  /** The last byte of its addresses, as it is written, and the end of its link-local address. */
  readonly number: number;
}

/** One host: `h1`, `h2`, … */
export interface HostPlan extends MachinePlan {
  /** 1 for the first host. */
  readonly index: number;
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
  /** Where servers run that all hosts use; on the first segment. */
  readonly server?: MachinePlan;
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

/** The servers have the address ending in .2; the gateway has the one before. */
const SERVER_NUMBER = 2;

/** Host 12 has the address ending in .22, or in ::22, so that a person finds it in a capture. */
function hostNumber(index: number): number {
  return 10 + index;
}

function machine(
  name: string,
  number: number,
  prefix: string,
  segment: SegmentPlan,
  families: readonly Family[],
): MachinePlan {
  const offset = (family: Family): number => (family === 'ipv4' ? number : Number.parseInt(String(number), 16));
  const addresses = perFamily(families, (family) => addressAt(segment.prefixes[family] as Prefix, offset(family)));
  return { name, number, netns: `${prefix}-${name}`, segment, addresses };
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
    return { index: n + 1, ...machine(`h${n + 1}`, hostNumber(n + 1), prefix, segment, families) };
  });
  const server = shape.server && machine('server', SERVER_NUMBER, prefix, segments[0], families);
  const routerNetns = `${prefix}-router`;
  return { id, underlay, families, mtu: shape.mtu, routerNetns, segments, hosts, ...(server && { server }) };
}
