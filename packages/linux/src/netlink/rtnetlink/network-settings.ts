import type { Family } from '@overlay/core';
import type { NetlinkMessage } from '../message.js';
import { AddressFamily } from '../protocol.js';
import { AttributeReader } from './attributes.js';

/** Bytes of struct netconfmsg (linux/netconf.h), aligned. */
const FIXED = 4;

/** NETCONFA_* of linux/netconf.h. */
const Attribute = { index: 1, forwarding: 2 } as const;

/** NETCONFA_IFINDEX_ALL: the settings under `conf/all`, as an unsigned number. */
const ALL = 0xffffffff;

/** A change of the settings under /proc/sys/net/ipv4/conf or ipv6/conf that the kernel tells of. */
export interface NetworkSettings {
  readonly family: Family;
  /** Index of the device; `all` for the settings of all. */
  readonly index: number | 'all';
  /** Absent where the message is about something else. */
  readonly forwarding?: boolean;
}

/** Reads RTM_NEWNETCONF; undefined for other families than IPv4 and IPv6. */
export function decodeNetworkSettings({ buffer, start, end }: NetlinkMessage): NetworkSettings | undefined {
  const number = buffer[start];
  if (number !== AddressFamily.ipv4 && number !== AddressFamily.ipv6) return undefined;
  let index: number | 'all' = 0;
  let forwarding: boolean | undefined;
  const reader = new AttributeReader(buffer, start + FIXED, end);
  while (reader.next()) {
    if (reader.type === Attribute.index) index = reader.u32() === ALL ? 'all' : reader.u32();
    else if (reader.type === Attribute.forwarding) forwarding = reader.u32() !== 0;
  }
  return {
    family: number === AddressFamily.ipv4 ? 'ipv4' : 'ipv6',
    index,
    ...(forwarding !== undefined && { forwarding }),
  };
}
