import type { Address, Mac } from '@overlay/core';
import { addressBytes, addressFamily, macBytes } from '@overlay/core';

/** What tells a link which MAC an address has, without the Ethernet header. */
export interface AnnouncementFrame {
  /** ETH_P_* of linux/if_ether.h. */
  readonly etherType: number;
  /** Everybody, or all nodes of IPv6. */
  readonly destination: Uint8Array;
  readonly payload: Uint8Array;
}

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERNET_HARDWARE = 1;
const ARP_REQUEST = 1;

const IPV6_HEADER_BYTES = 40;
const ICMPV6 = 58;
const NEIGHBOUR_ADVERTISEMENT = 136;
const ROUTER = 0x80;
const OVERRIDE = 0x20;
const TARGET_LINK_LAYER_ADDRESS = 2;
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/**
 * What tells every host on the link that an address is at this MAC: an ARP announcement (RFC 5227, 2.3) or an unsolicited
 * neighbour advertisement (RFC 4861, 7.2.6).
 *
 * @param router whether this host forwards IPv6: a host that says it does not is taken out of the lists of routers.
 */
export function announcementFrame(
  address: Address,
  mac: Mac,
  { router }: { readonly router: boolean },
): AnnouncementFrame {
  return addressFamily(address) === 'ipv4'
    ? arpAnnouncement(addressBytes(address), macBytes(mac))
    : neighbourAdvertisement(addressBytes(address), macBytes(mac), router);
}

function arpAnnouncement(address: Uint8Array, mac: Uint8Array): AnnouncementFrame {
  const payload = new Uint8Array(28);
  const view = new DataView(payload.buffer);
  view.setUint16(0, ETHERNET_HARDWARE);
  view.setUint16(2, ETHERTYPE_IPV4);
  view.setUint8(4, mac.length);
  view.setUint8(5, address.length);
  view.setUint16(6, ARP_REQUEST);
  payload.set(mac, 8);
  payload.set(address, 14);
  // It asks for itself; whose MAC that is, the asker leaves open.
  payload.set(address, 24);
  return { etherType: ETHERTYPE_ARP, destination: new Uint8Array(6).fill(0xff), payload };
}

function neighbourAdvertisement(address: Uint8Array, mac: Uint8Array, router: boolean): AnnouncementFrame {
  const message = new Uint8Array(32);
  message[0] = NEIGHBOUR_ADVERTISEMENT;
  message[4] = OVERRIDE | (router ? ROUTER : 0);
  message.set(address, 8);
  message[24] = TARGET_LINK_LAYER_ADDRESS;
  // In units of eight bytes.
  message[25] = 1;
  message.set(mac, 26);
  const payload = new Uint8Array(IPV6_HEADER_BYTES + message.length);
  const view = new DataView(payload.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, message.length);
  view.setUint8(6, ICMPV6);
  // Others are not believed: they have crossed a router (RFC 4861, 7.1.2).
  view.setUint8(7, 255);
  payload.set(address, 8);
  payload.set(ALL_NODES, 24);
  payload.set(message, IPV6_HEADER_BYTES);
  view.setUint16(IPV6_HEADER_BYTES + 2, checksum(address, ALL_NODES, message));
  return { etherType: ETHERTYPE_IPV6, destination: Uint8Array.of(0x33, 0x33, 0, 0, 0, 1), payload };
}

/** The checksum of ICMPv6, over a header of its own making too (RFC 8200, 8.1). Its own place in the message is zero. */
function checksum(source: Uint8Array, destination: Uint8Array, message: Uint8Array): number {
  const words = new DataView(new Uint8Array([...source, ...destination, ...message]).buffer);
  let sum = message.length + ICMPV6;
  for (let at = 0; at < words.byteLength; at += 2) sum += words.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
