import type { Address, Family, Prefix } from '../address/index.js';
import { addressFamily } from '../address/index.js';
import type { Lease } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import type { Block } from './block.js';
import { addressBlock, blockContains, blocksOverlap, prefixBlock } from './block.js';

/** A block and the text that it was read from. */
interface Named<T> {
  readonly text: T;
  readonly block: Block;
}

interface FamilyFacts {
  network?: Named<Prefix>;
  ownSubnet?: Named<Prefix>;
  ownPublicIP?: Named<Address>;
  underlay: Named<Address>[];
}

/** What is known of this host and the network's configuration, against which every lease is checked. */
export class LocalFacts {
  readonly ipv4: FamilyFacts = { underlay: [] };
  readonly ipv6: FamilyFacts = { underlay: [] };
  #configured = false;

  /** Returns whether that changes any judgement. */
  setNetConf(netConf: NetConf): boolean {
    let changed = !this.#configured;
    this.#configured = true;
    for (const family of FAMILIES) {
      const network = netConf[family]?.network;
      if (this[family].network?.text === network) continue;
      this[family].network = network && { text: network, block: prefixBlock(network) };
      changed = true;
    }
    return changed;
  }

  setOwn(lease: Lease | undefined): void {
    for (const family of FAMILIES) {
      const subnet = lease?.subnets[family];
      const publicIP = lease?.attributes[family]?.publicIP;
      this[family].ownSubnet = subnet && { text: subnet, block: prefixBlock(subnet) };
      this[family].ownPublicIP = publicIP && { text: publicIP, block: addressBlock(publicIP) };
    }
  }

  /** Returns whether that changes any judgement. */
  setUnderlay(addresses: readonly Address[]): boolean {
    let changed = false;
    for (const family of FAMILIES) {
      const wanted = addresses.filter((address) => addressFamily(address) === family);
      const before = this[family].underlay;
      if (before.length === wanted.length && before.every(({ text }, at) => text === wanted[at])) continue;
      this[family].underlay = wanted.map((text) => ({ text, block: addressBlock(text) }));
      changed = true;
    }
    return changed;
  }

  /** Why the network's configuration has no place for this family, if so. */
  familyProblem(family: Family): string | undefined {
    if (!this.#configured) return "the network's configuration is not known yet";
    return this[family].network ? undefined : `${NAMES[family]} is not enabled in the network's configuration`;
  }

  /** What is wrong with a peer having this subnet, if anything. */
  subnetProblem(family: Family, subnet: Prefix, block: Block): string | undefined {
    const { network, ownSubnet, ownPublicIP, underlay } = this[family];
    if (network && !blockContains(network.block, block)) {
      return `subnet ${subnet} is not inside the network ${network.text}`;
    }
    if (ownSubnet && blocksOverlap(ownSubnet.block, block)) {
      return `subnet ${subnet} overlaps this host's own subnet ${ownSubnet.text}`;
    }
    for (const address of underlay) {
      if (blockContains(block, address.block)) return `subnet ${subnet} contains this host's address ${address.text}`;
    }
    if (ownPublicIP && blockContains(block, ownPublicIP.block)) {
      return `subnet ${subnet} contains this host's public IP ${ownPublicIP.text}`;
    }
    return undefined;
  }

  /** What is wrong with a peer having this public IP, if anything. */
  publicIPProblem(family: Family, publicIP: Address, block: Block): string | undefined {
    const { ownSubnet, underlay } = this[family];
    if (underlay.some(({ text }) => text === publicIP)) {
      return `public IP ${publicIP} is an address of this host: two hosts publish the same one`;
    }
    if (ownSubnet && blockContains(ownSubnet.block, block)) {
      return `public IP ${publicIP} is inside this host's own subnet ${ownSubnet.text}`;
    }
    return undefined;
  }
}

/** How the families are called in messages. */
export const NAMES: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };
