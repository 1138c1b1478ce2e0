import type { Family, PerFamily, PodInterface, Prefix } from '@overlay/core';
import { FAMILIES, prefixContains } from '@overlay/core';
import { readAddresses } from '../host/read-snapshot.js';
import { NetlinkError } from '../netlink/error.js';
import type { NetlinkPort } from '../netlink/port.js';
import type { InterfaceAddress } from '../netlink/rtnetlink/address.js';
import { decodeAddress, dumpAddresses } from '../netlink/rtnetlink/address.js';
import type { Link } from '../netlink/rtnetlink/link.js';
import { decodeLink, dumpLinks, getLink } from '../netlink/rtnetlink/link.js';

interface ReadOptions {
  readonly signal: AbortSignal;
}

/** A veth of which the other end is in another network namespace. */
interface Door {
  readonly link: Link;
  readonly farIndex: number;
  readonly netnsId: number;
}

/**
 * The interfaces of pods that have an address inside this host's subnets: the far ends of veths, read in the pods' own
 * namespaces through the number that the kernel gives each of them. So it does not matter whether they are on a bridge or
 * have routes of their own. Where one may not look into a namespace, a veth on a bridge with an address inside the
 * subnets counts, with the MTU of its near end. Pods that have no veth (macvlan, a device of hardware) are not found.
 *
 * @throws NetlinkError when this namespace itself cannot be read.
 */
export async function readPodInterfaces(
  netlink: NetlinkPort,
  subnets: PerFamily<Prefix>,
  options: ReadOptions,
): Promise<readonly PodInterface[]> {
  const doors: Door[] = [];
  const take = (link: Link): void => {
    const { lowerIndex, lowerNetnsId } = link;
    if (lowerIndex === undefined || lowerNetnsId === undefined) return;
    doors.push({ link, farIndex: lowerIndex, netnsId: lowerNetnsId });
  };
  await netlink.dump(dumpLinks({ kind: 'veth' }), (message) => take(decodeLink(message)), options);
  if (doors.length === 0) return [];
  const bridges = await devicesInside(netlink, subnets, options);
  const found: PodInterface[] = [];
  for (const door of doors) {
    const pod = await lookBehind(netlink, door, subnets, options);
    if (pod !== undefined && pod !== 'closed') found.push(pod);
    const { name, mtu, masterIndex } = door.link;
    if (pod === 'closed' && masterIndex !== undefined && bridges.has(masterIndex)) found.push({ name, mtu });
  }
  return found;
}

/** The devices that have an address inside the subnets. */
async function devicesInside(
  netlink: NetlinkPort,
  subnets: PerFamily<Prefix>,
  options: ReadOptions,
): Promise<ReadonlySet<number>> {
  const addresses = await readAddresses(netlink, options);
  return new Set(addresses.filter((address) => inside(subnets, address)).map(({ index }) => index));
}

/** The pod behind a veth; undefined when it is none of ours, or gone; `closed` when one may not look. */
async function lookBehind(
  netlink: NetlinkPort,
  { link, farIndex, netnsId }: Door,
  subnets: PerFamily<Prefix>,
  options: ReadOptions,
): Promise<PodInterface | 'closed' | undefined> {
  try {
    for (const family of FAMILIES) {
      if (subnets[family] === undefined) continue;
      const address = await addressBehind(netlink, { family, index: farIndex, netnsId }, subnets, options);
      if (address === undefined) continue;
      const { mtu } = decodeLink(await netlink.query(getLink(farIndex, netnsId), options));
      return { name: link.name, address, mtu };
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    if (CLOSED.has(error.errnoName)) return 'closed';
    if (GONE.has(error.errnoName)) return undefined;
    throw error;
  }
}

/** rtnl_get_net_ns_capable in net/core/rtnetlink.c, and kernels before 4.20. */
const CLOSED = new Set(['EPERM', 'EACCES', 'EOPNOTSUPP']);

/** Devices and namespaces go away while one looks. */
const GONE = new Set(['ENODEV', 'EINVAL', 'ENOENT']);

async function addressBehind(
  netlink: NetlinkPort,
  where: { readonly family: Family; readonly index: number; readonly netnsId: number },
  subnets: PerFamily<Prefix>,
  options: ReadOptions,
): Promise<InterfaceAddress['address'] | undefined> {
  let found: InterfaceAddress['address'] | undefined;
  await netlink.dump(
    dumpAddresses(where),
    (message) => {
      const address = decodeAddress(message);
      if (address !== undefined && address.index === where.index && inside(subnets, address)) found ??= address.address;
    },
    options,
  );
  return found;
}

function inside(
  subnets: PerFamily<Prefix>,
  { family, address }: Pick<InterfaceAddress, 'family' | 'address'>,
): boolean {
  const subnet = subnets[family];
  return subnet !== undefined && prefixContains(subnet, address);
}
