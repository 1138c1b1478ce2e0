import type { NetlinkMessage } from '../netlink/message.js';
import { readU32 } from '../netlink/message.js';
import type { NetlinkPort } from '../netlink/port.js';
import { AddressFamily, Group, MessageType } from '../netlink/protocol.js';
import { decodeLink, linkMessageFamily } from '../netlink/rtnetlink/link.js';
import type { InterfaceSelection } from './options.js';
import { namesInterface } from './options.js';
import type { ReadOptions } from './read-snapshot.js';
import { isDefaultRoute, readAddresses, readDefaultRoutes, readLinks, readReach } from './read-snapshot.js';
import type { HostLink, HostSnapshot } from './snapshot.js';

/** What can be read by itself. */
export type SnapshotPart = 'links' | 'addresses' | 'routes' | 'reach';

/** What was last read of the kernel, as much of it as a selection needs, and what a notification makes doubtful. */
export class KernelView {
  /** The parts that the selection needs. */
  readonly parts: readonly SnapshotPart[];
  /** The multicast groups that tell of changes in them. */
  readonly groups: readonly number[];
  readonly #netlink: NetlinkPort;
  readonly #selection: InterfaceSelection;
  #snapshot: HostSnapshot = { links: [], addresses: [], defaultRoutes: [] };

  constructor(netlink: NetlinkPort, selection: InterfaceSelection) {
    this.#netlink = netlink;
    this.#selection = selection;
    const { publicIP, canReach } = selection;
    const byRoute = !namesInterface(selection) && publicIP.ipv4 === undefined && publicIP.ipv6 === undefined;
    this.parts = [
      'links',
      'addresses',
      ...(byRoute ? ['routes' as const] : []),
      ...(canReach ? ['reach' as const] : []),
    ];
    this.groups = [
      Group.link,
      Group.ipv4Address,
      Group.ipv6Address,
      ...(byRoute || canReach !== undefined ? [Group.ipv4Route, Group.ipv6Route] : []),
    ];
  }

  get snapshot(): HostSnapshot {
    return this.#snapshot;
  }

  /** Reads these parts again. On an error nothing of it is kept. */
  async read(parts: ReadonlySet<SnapshotPart>, options: ReadOptions): Promise<void> {
    const netlink = this.#netlink;
    const { families, canReach } = this.#selection;
    const old = this.#snapshot;
    const [links, addresses, defaultRoutes, reach] = await Promise.all([
      parts.has('links') ? readLinks(netlink, options) : old.links,
      parts.has('addresses') ? readAddresses(netlink, options) : old.addresses,
      parts.has('routes') ? readDefaultRoutes(netlink, families, options) : old.defaultRoutes,
      parts.has('reach') && canReach !== undefined ? readReach(netlink, canReach, options) : old.reach,
    ]);
    this.#snapshot = { links, addresses, defaultRoutes, ...(reach === undefined ? {} : { reach }) };
  }

  /**
   * What a notification makes doubtful; nothing for those that have no bearing on the choice.
   *
   * @param reading true while {@link read} is under way: what is known is about to change then, and nothing can be
   *   concluded from it.
   */
  concerns(message: NetlinkMessage, reading: boolean): readonly SnapshotPart[] {
    switch (message.type) {
      case MessageType.newLink:
      case MessageType.deleteLink:
        // Bridges tell of their ports in a family of their own.
        if (linkMessageFamily(message) !== AddressFamily.unspecified) return [];
        return reading ? this.parts : this.#concernsOfLink(message);
      case MessageType.newAddress:
      case MessageType.deleteAddress:
        return reading ? this.parts : ['addresses', ...this.#wayOut(readU32(message.buffer, message.start + 4))];
      case MessageType.newRoute:
      case MessageType.deleteRoute:
        return this.#concernsOfRoute(message);
      default:
        return [];
    }
  }

  #concernsOfLink(message: NetlinkMessage): readonly SnapshotPart[] {
    const link = decodeLink(message);
    const known = this.#snapshot.links.find(({ index }) => index === link.index);
    if (message.type === MessageType.newLink && known !== undefined && isSame(known, link)) return [];
    return ['links', ...this.#wayOut(link.index)];
  }

  #concernsOfRoute(message: NetlinkMessage): readonly SnapshotPart[] {
    const parts: SnapshotPart[] = [];
    if (this.parts.includes('routes') && isDefaultRoute(message)) parts.push('routes');
    if (this.parts.includes('reach')) parts.push('reach');
    return parts;
  }

  /**
   * The routes, if a default route leaves by this interface: the kernel takes routes away without a word when their
   * interface goes down (IPv4) or their source address is removed. New ones are always told.
   */
  #wayOut(index: number): readonly SnapshotPart[] {
    const parts: SnapshotPart[] = [];
    const { defaultRoutes } = this.#snapshot;
    if (defaultRoutes.some(({ nexthops }) => nexthops.some((hop) => hop.index === index))) parts.push('routes');
    if (this.parts.includes('reach')) parts.push('reach');
    return parts;
  }
}

function isSame(a: HostLink, b: HostLink): boolean {
  return (
    a.name === b.name &&
    a.up === b.up &&
    a.lowerUp === b.lowerUp &&
    a.mtu === b.mtu &&
    a.broadcast === b.broadcast &&
    a.pointToPoint === b.pointToPoint &&
    a.alias === b.alias
  );
}
