import { addressBytes, parseAddress } from '@overlay/core';

const IPV4_HEADER = 20;
const UDP_HEADER = 8;

/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

/** An IPv4 packet with a UDP datagram without checksum, as flannel's `udp` puts it into an outer datagram. */
export function innerPacket({ from, to, ttl = 64 }: { from: string; to: string; ttl?: number }): Buffer {
  const packet = Buffer.alloc(IPV4_HEADER + UDP_HEADER + 16, 0x2a);
  packet.fill(0, 0, IPV4_HEADER);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = ttl;
  packet[9] = 17;
  packet.set(addressBytes(parseAddress(from)), 12);
  packet.set(addressBytes(parseAddress(to)), 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, IPV4_HEADER)), 10);
  packet.writeUInt16BE(4000, IPV4_HEADER);
  packet.writeUInt16BE(9, IPV4_HEADER + 2);
  packet.writeUInt16BE(UDP_HEADER + 16, IPV4_HEADER + 4);
  packet.writeUInt16BE(0, IPV4_HEADER + 6);
  return packet;
}
