import type { Address, Family, Prefix } from '../address/index.js';
import { addressFamily } from '../address/index.js';
import { FAMILIES } from '../lease.js';
import type { Block } from './block.js';
import { addressBlock, prefixBlock } from './block.js';
import type { Conflict, Peer } from './peer.js';
import { PrefixIndex } from './prefix-index.js';

const NO_CONFLICTS: readonly Conflict[] = [];

/** One peer, or all of several: hosts behind one NAT share a public IP. */
type Holder = Peer | Set<Peer>;

/** What accepted leases have for themselves, who waits for what of it, and what has become free. */
export class Occupancy {
  readonly #subnets = { ipv4: new PrefixIndex<Peer>('ipv4'), ipv6: new PrefixIndex<Peer>('ipv6') };
  readonly #addresses = { ipv4: new PrefixIndex<Holder>('ipv4'), ipv6: new PrefixIndex<Holder>('ipv6') };
  /** Public IPs of more than one peer. */
  readonly #shared = new Map<Address, ReadonlySet<Peer>>();
  readonly #claims = new Map<string, Peer>();
  readonly #waiting = new Map<string, Set<Peer>>();
  #released: Pick<Conflict, 'kind' | 'id'>[] = [];

  /** What stands against a subnet with this public IP and these claims. The peer's own things must be withdrawn. */
  conflict(family: Family, subnet: Block, publicIP: Block, claims: readonly string[]): Conflict | undefined {
    const overlapped = this.#subnets[family].overlapping(subnet);
    if (overlapped) return { rule: 'overlap', kind: 'subnet', id: subnetOf(overlapped, family) };
    const contained = this.#addresses[family].overlapping(subnet);
    if (contained) return { rule: 'contains-address', kind: 'address', id: publicIPOf(anyOf(contained), family) };
    const around = this.#subnets[family].overlapping(publicIP);
    if (around) return { rule: 'inside-subnet', kind: 'subnet', id: subnetOf(around, family) };
    const taken = claims.find((claim) => this.#claims.has(claim));
    return taken === undefined ? undefined : { rule: 'claim', kind: 'claim', id: taken };
  }

  /** Who has it now. */
  ownerOf(what: Pick<Conflict, 'kind' | 'id'>): Peer | undefined {
    if (what.kind === 'claim') return this.#claims.get(what.id);
    if (what.kind === 'address') {
      const address = what.id as Address;
      const holder = this.#addresses[addressFamily(address)].overlapping(addressBlock(address));
      return holder && anyOf(holder);
    }
    const prefix = what.id as Prefix;
    const family = addressFamily(prefix);
    const peer = this.#subnets[family].overlapping(prefixBlock(prefix));
    return peer && subnetOf(peer, family) === prefix ? peer : undefined;
  }

  /** Takes what `peer.passed` and `peer.claims` say. */
  admit(peer: Peer): void {
    const { passed } = peer;
    if (!passed) return;
    for (const family of FAMILIES) {
      const subnet = passed.subnets[family];
      const endpoint = passed.attributes[family];
      if (subnet === undefined || endpoint === undefined) continue;
      this.#subnets[family].set(prefixBlock(subnet), peer);
      this.#noteShared(endpoint.publicIP, addHolder(this.#addresses[family], addressBlock(endpoint.publicIP), peer));
    }
    for (const claim of peer.claims) this.#claims.set(claim, peer);
  }

  /** Gives back what {@link admit} took. */
  withdraw(peer: Peer): void {
    const { passed } = peer;
    if (!passed) return;
    for (const family of FAMILIES) {
      const subnet = passed.subnets[family];
      const endpoint = passed.attributes[family];
      if (subnet === undefined || endpoint === undefined) continue;
      this.#subnets[family].delete(prefixBlock(subnet));
      this.#noteShared(endpoint.publicIP, deleteHolder(this.#addresses[family], addressBlock(endpoint.publicIP), peer));
      this.#release('subnet', subnet);
      this.#release('address', endpoint.publicIP);
    }
    for (const claim of peer.claims) {
      this.#claims.delete(claim);
      this.#release('claim', claim);
    }
  }

  /** The public IPs that several peers publish, and who does. */
  get shared(): ReadonlyMap<Address, ReadonlySet<Peer>> {
    return this.#shared;
  }

  #noteShared(address: Address, holder: Holder | undefined): void {
    if (holder instanceof Set && holder.size > 1) this.#shared.set(address, holder);
    else if (this.#shared.size > 0) this.#shared.delete(address);
  }

  /** Remembers what the peer waits for, as its `hold` says. */
  waitFor(peer: Peer): void {
    for (const conflict of conflictsOf(peer)) {
      const name = waitingName(conflict.kind, conflict.id);
      const peers = this.#waiting.get(name);
      if (peers) peers.add(peer);
      else this.#waiting.set(name, new Set([peer]));
    }
  }

  /** Forgets what the peer waits for. To be called before its `hold` changes. */
  leave(peer: Peer): void {
    for (const conflict of conflictsOf(peer)) {
      const name = waitingName(conflict.kind, conflict.id);
      const peers = this.#waiting.get(name);
      peers?.delete(peer);
      if (peers?.size === 0) this.#waiting.delete(name);
    }
  }

  /** Whether everything that the peer waits for is taken, so that judging it again is in vain. */
  blocks(peer: Peer): boolean {
    const conflicts = conflictsOf(peer);
    return conflicts.length > 0 && conflicts.every((conflict) => this.ownerOf(conflict) !== undefined);
  }

  /** The peers that wait for what has become free since the last call, and still is. */
  takeFreed(): Set<Peer> {
    const freed = new Set<Peer>();
    for (const what of this.#released) {
      if (this.ownerOf(what)) continue;
      for (const peer of this.#waiting.get(waitingName(what.kind, what.id)) ?? []) freed.add(peer);
    }
    this.#released = [];
    return freed;
  }

  #release(kind: Conflict['kind'], id: string): void {
    if (this.#waiting.size > 0 && this.#waiting.has(waitingName(kind, id))) this.#released.push({ kind, id });
  }
}

function conflictsOf({ hold }: Peer): readonly Conflict[] {
  if (!hold) return NO_CONFLICTS;
  return [hold.ipv4, hold.ipv6].filter((reason) => typeof reason === 'object');
}

function waitingName(kind: Conflict['kind'], id: string): string {
  return `${kind} ${id}`;
}

function subnetOf(peer: Peer, family: Family): string {
  return peer.passed?.subnets[family] ?? '';
}

function publicIPOf(peer: Peer, family: Family): string {
  return peer.passed?.attributes[family]?.publicIP ?? '';
}

function anyOf(holder: Holder): Peer {
  return holder instanceof Set ? (holder.values().next().value as Peer) : holder;
}

/** Gives who has it then. */
function addHolder(index: PrefixIndex<Holder>, block: Block, peer: Peer): Holder {
  const before = index.overlapping(block);
  if (before instanceof Set) return before.add(peer);
  const holder = before === undefined ? peer : new Set([before, peer]);
  index.set(block, holder);
  return holder;
}

/** Gives who has it then. */
function deleteHolder(index: PrefixIndex<Holder>, block: Block, peer: Peer): Holder | undefined {
  const holder = index.overlapping(block);
  if (holder instanceof Set && holder.size > 1) {
    holder.delete(peer);
    return holder;
  }
  index.delete(block);
  return undefined;
}
