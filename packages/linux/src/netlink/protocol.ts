/** Message types of linux/rtnetlink.h and linux/netlink.h that this package speaks. */
export const MessageType = {
  error: 2,
  done: 3,
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  deleteNeighbour: 29,
  getNeighbour: 30,
  newQdisc: 36,
  deleteQdisc: 37,
  getQdisc: 38,
  newFilter: 44,
  deleteFilter: 45,
  getFilter: 46,
  newNetworkSettings: 80,
} as const;

/** Header flags of linux/netlink.h. The socket sets request, acknowledgement and dump flags itself. */
export const MessageFlag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  echo: 0x8,
  dumpInterrupted: 0x10,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
} as const;

/** Multicast groups of linux/rtnetlink.h (RTNLGRP_*). FDB changes come in the group `neighbour`, family bridge. */
export const Group = {
  link: 1,
  neighbour: 3,
  trafficControl: 4,
  ipv4Address: 5,
  ipv4Route: 7,
  ipv4Rule: 8,
  ipv6Address: 9,
  ipv6Route: 11,
  ipv6Rule: 19,
  ipv4Settings: 24,
  ipv6Settings: 25,
  nexthop: 32,
} as const;

/** Address families as netlink numbers them. FDB entries are neighbours of the family `bridge`. */
export const AddressFamily = { unspecified: 0, ipv4: 2, bridge: 7, ipv6: 10 } as const;

/**
 * How a new object meets one that is there already.
 *
 * - `create`: there must be none (EEXIST otherwise)
 * - `replace`: there must be one (ENOENT otherwise), which is changed
 * - `upsert`: changed if there, created if not
 * - `append`: added behind others with the same key
 */
export type Write = 'create' | 'replace' | 'upsert' | 'append';

/** The header flags of a {@link Write}. */
export function writeFlags(write: Write): number {
  switch (write) {
    case 'create':
      return MessageFlag.create | MessageFlag.exclusive;
    case 'replace':
      return MessageFlag.replace;
    case 'upsert':
      return MessageFlag.create | MessageFlag.replace;
    case 'append':
      return MessageFlag.create | MessageFlag.append;
  }
}
