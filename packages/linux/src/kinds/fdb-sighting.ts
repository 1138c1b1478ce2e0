import { AddressFamily } from '../netlink/protocol.js';
import { isAddressAt, isMacAt, macHashAt } from '../netlink/rtnetlink/match.js';
import { NeighbourFlag } from '../netlink/rtnetlink/neighbour-message.js';
import { NeighbourMessageSighting } from './neighbour-sighting.js';
import type { FdbObject } from './objects.js';

/** A permanent forwarding entry of a VXLAN device that a dump came upon. */
export class FdbSighting extends NeighbourMessageSighting<FdbObject> {
  get hash(): number {
    return macHashAt(this.buffer, this.macAt);
  }

  hasKeyOf({ link, mac }: FdbObject): boolean {
    return link === this.link && isMacAt(this.buffer, this.macAt, mac);
  }

  satisfies({ dst }: FdbObject): boolean {
    return isAddressAt(this.buffer, this.addressAt, this.addressLength, dst);
  }

  protected isOurs(family: number, flags: number): boolean {
    return family === AddressFamily.bridge && (flags & NeighbourFlag.self) !== 0;
  }
}
