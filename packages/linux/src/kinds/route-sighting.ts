import type { NetlinkMessage } from '../netlink/message.js';
import { readU32 } from '../netlink/message.js';
import { AddressFamily } from '../netlink/protocol.js';
import { AttributeReader } from '../netlink/rtnetlink/attributes.js';
import { addressHashAt, isAddressAt, isPrefixAt } from '../netlink/rtnetlink/match.js';
import { NexthopFlag, ROUTE_FIXED, RouteAttribute, RouteFlag } from '../netlink/rtnetlink/route.js';
import { RouteTable, typeNumber } from '../netlink/rtnetlink/route-names.js';
import type { RouteObject } from './objects.js';
import type { MessageSighting } from './rtnetlink-kind.js';

const UNICAST = typeNumber('unicast');
const NOWHERE = -1;

/** A route that a dump came upon, seen where it lies in the message; used again for the next. */
export class RouteSighting implements MessageSighting<RouteObject> {
  #message: NetlinkMessage | undefined;
  #buffer: Uint8Array = new Uint8Array();
  #addressLength = 0;
  #destinationAt = NOWHERE;
  #destinationBits = 0;
  #gatewayAt = NOWHERE;
  #link = '';
  #metric = 0;
  #protocol = 0;
  #onlink = false;

  constructor(
    private readonly linkName: (index: number | undefined) => string,
    private readonly readRoute: (message: NetlinkMessage) => RouteObject | undefined,
  ) {}

  /**
   * Takes a message; false unless it tells of a route such as nearly all are: unicast, of the main table, to a prefix,
   * through at most one gateway of its family, and of no other attribute that a wanted route may have.
   */
  at(message: NetlinkMessage): boolean {
    const { buffer, start, end } = message;
    const family = buffer[start];
    const flags = readU32(buffer, start + 8);
    // The fixed part (struct rtmsg): family, two prefix lengths, tos, table, protocol, scope, type, flags.
    const plain = buffer[start + 2] === 0 && buffer[start + 3] === 0 && buffer[start + 7] === UNICAST;
    if (!plain || buffer[start + 4] !== RouteTable.main || (flags & RouteFlag.cloned) !== 0) return false;
    if (family !== AddressFamily.ipv4 && family !== AddressFamily.ipv6) return false;
    this.#addressLength = family === AddressFamily.ipv4 ? 4 : 16;
    this.#destinationBits = buffer[start + 1];
    this.#protocol = buffer[start + 5];
    this.#onlink = (flags & NexthopFlag.onlink) !== 0;
    this.#destinationAt = this.#gatewayAt = NOWHERE;
    this.#metric = 0;
    this.#link = '';
    if (!this.#takeAttributes(new AttributeReader(buffer, start + ROUTE_FIXED, end))) return false;
    this.#message = message;
    this.#buffer = buffer;
    return this.#destinationAt !== NOWHERE;
  }

  get hash(): number {
    return addressHashAt(this.#buffer, this.#destinationAt, this.#addressLength);
  }

  hasKeyOf({ destination, metric }: RouteObject): boolean {
    if (metric !== this.#metric) return false;
    return isPrefixAt(this.#buffer, this.#destinationAt, this.#addressLength, this.#destinationBits, destination);
  }

  satisfies({ link, gateway, onlink, protocol, prefSrc }: RouteObject): boolean {
    if (link !== this.#link || onlink !== this.#onlink || protocol !== this.#protocol || prefSrc !== undefined)
      return false;
    if (gateway === undefined || this.#gatewayAt === NOWHERE)
      return gateway === undefined && this.#gatewayAt === NOWHERE;
    return isAddressAt(this.#buffer, this.#gatewayAt, this.#addressLength, gateway);
  }

  read(): RouteObject {
    const route = this.#message && this.readRoute(this.#message);
    if (!route) throw new Error('the message of this sighting is gone');
    return route;
  }

  /** False for a route that has an attribute of which this knows nothing. */
  #takeAttributes(reader: AttributeReader): boolean {
    while (reader.next()) {
      switch (reader.type) {
        case RouteAttribute.destination:
          if (reader.length !== this.#addressLength) return false;
          this.#destinationAt = reader.start;
          break;
        case RouteAttribute.gateway:
          if (reader.length !== this.#addressLength) return false;
          this.#gatewayAt = reader.start;
          break;
        case RouteAttribute.oif:
          this.#link = this.linkName(reader.u32());
          break;
        case RouteAttribute.metric:
          this.#metric = reader.u32();
          break;
        case RouteAttribute.table:
          if (reader.u32() !== RouteTable.main) return false;
          break;
        case RouteAttribute.prefSrc:
        case RouteAttribute.via:
        case RouteAttribute.multipath:
        case RouteAttribute.nexthopId:
        case RouteAttribute.source:
          return false;
      }
    }
    return true;
  }
}
