import { addressBytes } from '@overlay/core';
import type { Address } from '@overlay/core';

/** The Internet checksum of RFC 1071. 0 for what has its own in it. */
export function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  if (bytes.length % 2 === 1) sum += (bytes.at(-1) ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** How a packet differs from a good one. */
export interface Twist {
  /** Bytes that the header tells, instead of those that there are. */
  readonly told?: number;
  readonly version?: number;
  /** Words of the header. */
  readonly words?: number;
  /** Bytes of payload behind the echo header; 32 unless told. */
  readonly payload?: number;
}

/** An echo request of IPv4 as it goes through the tunnel. */
export function echoRequest(from: Address, to: Address, twist: Twist = {}): Buffer {
  const icmp = Buffer.concat([Buffer.from('0800000012340001', 'hex'), Buffer.alloc(twist.payload ?? 32)]);
  icmp.writeUInt16BE(checksum(icmp), 2);
  const ip = Buffer.alloc(20);
  ip[0] = ((twist.version ?? 4) << 4) | (twist.words ?? 5);
  ip.writeUInt16BE(twist.told ?? ip.length + icmp.length, 2);
  ip[8] = 64;
  ip[9] = 1;
  ip.set(addressBytes(from), 12);
  ip.set(addressBytes(to), 16);
  ip.writeUInt16BE(checksum(ip), 10);
  return Buffer.concat([ip, icmp]);
}

/** A packet of IPv6 with nothing in it that is of use: no next header (RFC 8200, 4.7). */
export function emptyPacket(from: Address, to: Address, { payload = 0 }: Pick<Twist, 'payload'> = {}): Buffer {
  const ip = Buffer.concat([Buffer.from('6000000000003b40', 'hex'), addressBytes(from), addressBytes(to)]);
  ip.writeUInt16BE(payload, 4);
  return Buffer.concat([ip, Buffer.alloc(payload)]);
}
