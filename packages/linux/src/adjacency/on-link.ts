import { addressFamily, ipv4ToNumber, networkAddress, prefixContains, prefixLength } from '@overlay/core';
import type { Address, IPv4Address, IPv4Prefix, Prefix } from '@overlay/core';

/** An IPv4 prefix as numbers of 32 bits. */
interface Range {
  readonly network: number;
  readonly mask: number;
}

/** The prefixes of one interface. They are read once, because every peer's address is looked for in them. */
export class OnLink {
  readonly #ipv4: readonly Range[];
  readonly #ipv6: readonly Prefix[];

  constructor(readonly prefixes: readonly Prefix[]) {
    this.#ipv4 = prefixes.filter((prefix) => addressFamily(prefix) === 'ipv4').map((prefix) => range(prefix));
    this.#ipv6 = prefixes.filter((prefix) => addressFamily(prefix) === 'ipv6');
  }

  /** Whether an address is inside one of them. */
  has(address: Address): boolean {
    if (addressFamily(address) === 'ipv6') return this.#ipv6.some((prefix) => prefixContains(prefix, address));
    const number = ipv4ToNumber(address as IPv4Address);
    for (const { network, mask } of this.#ipv4) if (((number ^ network) & mask) === 0) return true;
    return false;
  }
}

function range(prefix: Prefix): Range {
  const length = prefixLength(prefix);
  return {
    network: ipv4ToNumber(networkAddress(prefix as IPv4Prefix)),
    // A shift by 32 is one by 0.
    mask: length === 0 ? 0 : -1 << (32 - length),
  };
}
