import type { Address } from '@overlay/core';
import { addressFamily } from '@overlay/core';
import type { NetworkNode } from '@overlay/lab';

/**
 * Options of socat(1) for headers that Node's sockets do not make; numbers are those of linux/in.h, in6.h, socket.h and
 * udp.h. `setsockopt` takes level, option and value.
 */
export const ODD = {
  routerAlert: 'ip-options=x94040000',
  noOperations: 'ip-options=x01010101',
  endOfList: 'ip-options=x0101000000000000',
  recordRoute: 'ip-options=x070b04000000000000000000',
  alertAndRoute: 'ip-options=x94040000070b04000000000000000000',
  unknownOption: 'ip-options=x5e04abcd',
  looseSourceRoute: 'ip-options=x018307040a0a0a0a',
  hopByHop: 'setsockopt=41:54:x0000050200000100',
  destinationOptions: 'setsockopt=41:59:x0000010400000000',
  noChecksumIPv4: 'setsockopt=1:11:1',
  noChecksumIPv6: 'setsockopt=17:101:1',
} as const;

/** A datagram with or without something odd. */
export interface OddDatagram {
  readonly to: Address;
  readonly port: number;
  readonly payload: Uint8Array;
  /** One of {@link ODD}. */
  readonly odd?: string;
}

/** Sends datagrams, each by a socket of its own. What the sender's own kernel refuses is silence. */
export async function sendOdd(from: NetworkNode, datagrams: readonly OddDatagram[]): Promise<void> {
  const words = datagrams.flatMap(({ to, port, payload, odd }) => {
    const socket = addressFamily(to) === 'ipv4' ? `UDP4:${to}` : `UDP6:[${to}]`;
    // printf(1) of any shell takes bytes as octal numbers.
    const octal = [...payload].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    return [octal, [`${socket}:${port}`, ...(odd === undefined ? [] : [odd])].join(',')];
  });
  const each = 'while [ $# -gt 0 ]; do printf "$1" | socat -u - "$2"; shift 2; done';
  await from.exec(['sh', '-c', each, 'sh', ...words], { check: false });
}
