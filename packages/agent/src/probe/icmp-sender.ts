import { randomBytes } from 'node:crypto';
import type { Family } from '@overlay/core';
import { addressFamily, errorText, OverlayError } from '@overlay/core';
import type { EchoRequest, EchoSender } from '@overlay/core/reachability';
import { echoReplyToken, echoRequest, NONCE_BYTES, REPLY } from './echo-message.js';
import type { RawSocket, RawSocketModule } from './raw-socket.js';

/** Protocol numbers, which are the levels of socket options too; SOL_RAW and the filters of raw(7), RFC 3542, 3.2. */
const PROTOCOL = { ipv4: 1, ipv6: 58 } as const;
const SOL_RAW = 255;
const ICMP_FILTER = 1;
const ICMPV6_FILTER = 1;

/**
 * Echo requests over raw sockets, one for each family, opened when it is first needed. Answers are known by a nonce, not
 * by their source: a host answers for an anycast address, as the first of an IPv6 subnet is, from another one.
 */
export class IcmpSender implements EchoSender {
  readonly #raw: RawSocketModule;
  readonly #answered: (token: number) => void;
  readonly #nonce = randomBytes(NONCE_BYTES);
  readonly #sockets = new Map<Family, RawSocket>();

  constructor(raw: RawSocketModule, answered: (token: number) => void) {
    this.#raw = raw;
    this.#answered = answered;
  }

  /** @throws OverlayError `OVERLAY_PROBE_SOCKET`. */
  send({ address, token, refused }: EchoRequest): void {
    const family = addressFamily(address);
    const message = echoRequest(family, this.#nonce, token);
    this.#socket(family).send(message, 0, message.length, address, (error) => {
      if (error !== null) refused(errorText(error));
    });
  }

  close(): void {
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    for (const socket of sockets) socket.close();
  }

  #socket(family: Family): RawSocket {
    const open = this.#sockets.get(family);
    if (open !== undefined) return open;
    let socket: RawSocket;
    try {
      const { AddressFamily } = this.#raw;
      const addressFamily = family === 'ipv4' ? AddressFamily.IPv4 : AddressFamily.IPv6;
      socket = this.#raw.createSocket({ addressFamily, protocol: PROTOCOL[family] });
    } catch (cause) {
      throw new OverlayError(
        'OVERLAY_PROBE_SOCKET',
        `cannot open a raw ICMP socket (${errorText(cause)}); it needs CAP_NET_RAW`,
        { cause },
      );
    }
    this.#sockets.set(family, socket);
    socket.on('message', (packet) => {
      const token = echoReplyToken(family, packet, this.#nonce);
      if (token !== undefined) this.#answered(token);
    });
    socket.on('error', () => this.#broken(family, socket));
    try {
      filter(family, socket);
    } catch {
      // Without a filter more packets are looked at, and all others passed over.
    }
    return socket;
  }

  /** The next request opens another one; what is on its way counts as lost. */
  #broken(family: Family, socket: RawSocket): void {
    if (this.#sockets.get(family) !== socket) return;
    this.#sockets.delete(family);
    socket.close();
  }
}

/** Lets only echo replies come: a raw ICMP socket is given every ICMP packet of the host. A bit that is set means no. */
function filter(family: Family, socket: RawSocket): void {
  if (family === 'ipv4') {
    const mask = new Uint32Array([~(1 << REPLY.ipv4)]);
    socket.setOption(SOL_RAW, ICMP_FILTER, Buffer.from(mask.buffer), mask.byteLength);
    return;
  }
  const mask = new Uint32Array(8).fill(0xffffffff);
  mask[REPLY.ipv6 >>> 5] &= ~(1 << (REPLY.ipv6 & 31));
  socket.setOption(PROTOCOL.ipv6, ICMPV6_FILTER, Buffer.from(mask.buffer), mask.byteLength);
}
