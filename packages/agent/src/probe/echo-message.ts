import type { Family } from '@overlay/core';

/** ICMP types (RFC 792) and ICMPv6 types (RFC 4443). */
const REQUEST = { ipv4: 8, ipv6: 128 } as const;
export const REPLY = { ipv4: 0, ipv6: 129 } as const;

/** Type, code, checksum, identifier, sequence number. */
const HEADER = 8;
const TOKEN = 4;
const PROTOCOL_ICMP = 1;

/** Bytes in every request, so that answers to other programs of the host are told apart. */
export const NONCE_BYTES = 8;

/** An echo request that carries the sender's nonce and a token. */
export function echoRequest(family: Family, nonce: Buffer, token: number): Buffer {
  const message = Buffer.alloc(HEADER + NONCE_BYTES + TOKEN);
  message[0] = REQUEST[family];
  nonce.copy(message, 4, 0, 2);
  message.writeUInt16BE(token & 0xffff, 6);
  nonce.copy(message, HEADER);
  message.writeUInt32BE(token, HEADER + NONCE_BYTES);
  // That of ICMPv6 covers the addresses too, and is the kernel's work (RFC 3542, 3.1).
  if (family === 'ipv4') message.writeUInt16BE(checksum(message), 2);
  return message;
}

/**
 * The token of a packet as a raw socket gives it, for IPv4 with the IP header, for IPv6 without (RFC 3542, 3); undefined
 * unless it is an answer to a request with this nonce.
 */
export function echoReplyToken(family: Family, packet: Buffer, nonce: Buffer): number | undefined {
  let start = 0;
  if (family === 'ipv4') {
    if (packet.length < 20 || packet[9] !== PROTOCOL_ICMP) return undefined;
    start = (packet[0] & 0x0f) * 4;
  }
  const body = start + HEADER;
  if (packet.length < body + NONCE_BYTES + TOKEN) return undefined;
  if (packet[start] !== REPLY[family] || packet[start + 1] !== 0) return undefined;
  if (nonce.compare(packet, body, body + NONCE_BYTES) !== 0) return undefined;
  return packet.readUInt32BE(body + NONCE_BYTES);
}

/** The Internet checksum (RFC 1071) of a message of even length. */
function checksum(message: Buffer): number {
  let sum = 0;
  for (let at = 0; at < message.length; at += 2) sum += message.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
