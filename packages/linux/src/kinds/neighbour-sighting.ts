import type { NetlinkMessage } from '../netlink/message.js';
import { readU16, readU32 } from '../netlink/message.js';
import { AddressFamily } from '../netlink/protocol.js';
import { AttributeReader } from '../netlink/rtnetlink/attributes.js';
import { addressHashAt, isAddressAt, isMacAt, isNoMacAt } from '../netlink/rtnetlink/match.js';
import {
  NEIGHBOUR_FIXED,
  NeighbourAttribute,
  NeighbourFlag,
  stateNumber,
} from '../netlink/rtnetlink/neighbour-message.js';
import type { KernelObject } from '../reconciler/kind.js';
import type { NeighbourObject } from './objects.js';
import type { MessageSighting, Told } from './rtnetlink-kind.js';

const PERMANENT = stateNumber('permanent');
const NOWHERE = -1;

/** What neighbours and forwarding entries have in common, seen where it lies in the message; used again for the next. */
export abstract class NeighbourMessageSighting<D extends KernelObject> implements MessageSighting<D> {
  abstract readonly hash: number;
  protected buffer: Uint8Array = new Uint8Array();
  protected link = '';
  /** Where the address is, and its bytes. */
  protected addressAt = NOWHERE;
  protected addressLength = 0;
  protected macAt = NOWHERE;
  #message: NetlinkMessage | undefined;

  constructor(
    private readonly linkName: (index: number) => string | undefined,
    private readonly tell: (message: NetlinkMessage) => Told<D> | undefined,
  ) {}

  abstract hasKeyOf(wanted: D): boolean;
  abstract satisfies(wanted: D): boolean;
  protected abstract isOurs(family: number, flags: number): boolean;

  /** Takes a message; false unless it tells of a permanent entry such as we make them. */
  at(message: NetlinkMessage): boolean {
    const { buffer, start, end } = message;
    if (readU16(buffer, start + 8) !== PERMANENT || !this.isOurs(buffer[start], buffer[start + 10])) return false;
    const link = this.linkName(readU32(buffer, start + 4));
    if (link === undefined) return false;
    this.addressAt = this.macAt = NOWHERE;
    const reader = new AttributeReader(buffer, start + NEIGHBOUR_FIXED, end);
    while (reader.next()) {
      if (reader.type === NeighbourAttribute.destination) {
        if (reader.length !== 4 && reader.length !== 16) return false;
        this.addressAt = reader.start;
        this.addressLength = reader.length;
      } else if (reader.type === NeighbourAttribute.linkLayerAddress) {
        if (reader.length !== 6) return false;
        this.macAt = reader.start;
      }
    }
    if (this.addressAt === NOWHERE || this.macAt === NOWHERE || isNoMacAt(buffer, this.macAt)) return false;
    this.#message = message;
    this.buffer = buffer;
    this.link = link;
    return true;
  }

  read(): D {
    const told = this.#message && this.tell(this.#message);
    if (!told) throw new Error('the message of this sighting is gone');
    return told.object;
  }
}

/** A permanent neighbour that a dump came upon. */
export class NeighbourSighting extends NeighbourMessageSighting<NeighbourObject> {
  get hash(): number {
    return addressHashAt(this.buffer, this.addressAt, this.addressLength);
  }

  hasKeyOf({ link, address }: NeighbourObject): boolean {
    return link === this.link && isAddressAt(this.buffer, this.addressAt, this.addressLength, address);
  }

  satisfies({ mac }: NeighbourObject): boolean {
    return isMacAt(this.buffer, this.macAt, mac);
  }

  protected isOurs(family: number, flags: number): boolean {
    return family !== AddressFamily.bridge && (flags & NeighbourFlag.proxy) === 0;
  }
}
