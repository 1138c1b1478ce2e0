import type { Address, PerFamily } from '@overlay/core';

/** What sends and receives packets. */
export class MemoryPod {
  constructor(
    readonly name: string,
    readonly addresses: PerFamily<Address>,
    /** Bytes of the largest packet that it sends. */
    readonly mtu: number,
  ) {}

  has(address: Address): boolean {
    return Object.values(this.addresses).includes(address);
  }
}
