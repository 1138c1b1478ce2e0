import type { Address } from '../address/index.js';
import type { Lease } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import type { Bench, Verdict } from './judge.js';
import { judge, readClaims } from './judge.js';
import { LocalFacts } from './local-facts.js';
import { Occupancy } from './occupancy.js';
import type { Peer } from './peer.js';
import { NO_CLAIMS } from './peer.js';
import { heldLease } from './reasons.js';
import type { RemovalDoubt } from './removal-doubt.js';
import { sameLease } from './same-lease.js';
import type { ClaimsOf, HeldLease } from './types.js';

/** The own lease is no peer's: nothing of it is passed on, and nothing is wrong with it. */
const OWN: Verdict = { claims: NO_CLAIMS };

/** Decides which version of a peer the network has, and keeps those that may not come in waiting. */
export class Admission {
  readonly #doubt: RemovalDoubt;
  readonly #local = new LocalFacts();
  readonly #held = new Set<Peer>();
  #occupancy = new Occupancy();
  #own: Lease | undefined;
  #claimsOf: ClaimsOf = () => NO_CLAIMS;
  #bench: Bench;
  #size = 0;

  constructor(doubt: RemovalDoubt) {
    this.#doubt = doubt;
    this.#bench = this.#newBench();
  }

  /** The number of peers that the network has. */
  get size(): number {
    return this.#size;
  }

  /** This and the other setters return whether everything must be judged again. */
  setNetConf(netConf: NetConf): boolean {
    return this.#local.setNetConf(netConf);
  }

  setUnderlay(addresses: readonly Address[]): boolean {
    return this.#local.setUnderlay(addresses);
  }

  setOwn(lease: Lease | undefined): boolean {
    const before = this.#own;
    this.#own = lease;
    if (before === lease || (before && lease && sameLease(before, lease))) return false;
    this.#local.setOwn(lease);
    return true;
  }

  setClaims(claimsOf: ClaimsOf): boolean {
    const changed = claimsOf !== this.#claimsOf;
    this.#claimsOf = claimsOf;
    return changed;
  }

  /** The public IPs that several peers publish, and who does. */
  get shared(): Occupancy['shared'] {
    return this.#occupancy.shared;
  }

  *held(): IterableIterator<HeldLease> {
    for (const peer of this.#held) {
      const held = heldLease(peer, this.#occupancy);
      if (held) yield held;
    }
  }

  /** Brings a peer to the version that the store has. False, and all as before, when the network would lose by it. */
  attempt(peer: Peer): boolean {
    const before = peer.passed;
    this.#occupancy.withdraw(peer);
    const verdict = this.#judge(peer, peer.lease as Lease);
    const loses = before !== undefined && (!verdict.passed || losesSubnet(before, verdict.passed));
    if (!loses) {
      this.#doubt.lift(peer);
      peer.passed = verdict.passed;
      peer.claims = verdict.claims;
      if (!before && peer.passed) {
        this.#size++;
        this.#doubt.returned(peer);
      }
    }
    this.#occupancy.admit(peer);
    this.setHold(peer, verdict.hold);
    return !loses;
  }

  /** Takes a peer from the network. */
  drop(peer: Peer): void {
    this.#occupancy.withdraw(peer);
    peer.passed = undefined;
    peer.claims = NO_CLAIMS;
    this.#size--;
  }

  /**
   * Judges candidates, each given once, of which the network may have more, and the peers waiting for what has become
   * free, in the order in which they came; gives those waiting ones that were judged. A candidate that the store has no
   * more waits for nothing from now on.
   */
  admitAll(candidates: readonly Peer[]): Peer[] {
    const freed = this.#occupancy.takeFreed();
    if (freed.size > 0) for (const peer of candidates) freed.delete(peer);
    const judged: Peer[] = [];
    for (const peer of [...candidates, ...freed].sort((a, b) => a.order - b.order)) {
      if (!peer.lease) {
        this.setHold(peer, undefined);
      } else if (!freed.has(peer)) {
        this.attempt(peer);
      } else if (!this.#occupancy.blocks(peer)) {
        this.attempt(peer);
        judged.push(peer);
      }
    }
    // Who came in took more and gave back nothing: what was withdrawn for judging is taken again.
    this.#occupancy.takeFreed();
    return judged;
  }

  /** Judges all peers, given in the order in which they came; first what the network has: it stays where it can. */
  judgeAll(peers: readonly Peer[]): void {
    this.#occupancy = new Occupancy();
    this.#bench = this.#newBench();
    for (const peer of peers) {
      if (!peer.passed) continue;
      const verdict = this.#judge(peer, peer.passed);
      peer.passed = verdict.passed;
      peer.claims = verdict.claims;
      this.#occupancy.admit(peer);
      if (peer.passed) continue;
      this.#size--;
      this.#doubt.lift(peer);
      this.#doubt.left(peer);
    }
    const rest = peers.filter((peer) => !peer.passed || (peer.passed !== peer.lease && !this.#doubt.holds(peer)));
    this.admitAll(rest);
  }

  setHold(peer: Peer, hold: Peer['hold']): void {
    this.#occupancy.leave(peer);
    peer.hold = hold;
    if (!hold) {
      this.#held.delete(peer);
      return;
    }
    this.#held.add(peer);
    // A doubted version is looked at when it changes or is due; until then the network keeps the old one anyway.
    if (!this.#doubt.holds(peer)) this.#occupancy.waitFor(peer);
  }

  #judge(peer: Peer, lease: Lease): Verdict {
    return peer.key === this.#own?.key ? OWN : judge(lease, this.#bench);
  }

  #newBench(): Bench {
    const own = this.#own;
    const ownClaims = new Set<string>();
    for (const family of FAMILIES) {
      const claims = own?.subnets[family] === undefined ? [] : readClaims(own, family, this.#claimsOf);
      if (typeof claims !== 'string') for (const claim of claims) ownClaims.add(claim);
    }
    return { local: this.#local, occupancy: this.#occupancy, claimsOf: this.#claimsOf, ownClaims };
  }
}

/** Whether the network would have a subnet of `before` no more, were it told `after`. */
export function losesSubnet(before: Lease, after: Lease): boolean {
  const subnets: unknown = after.subnets;
  if (typeof subnets !== 'object' || subnets === null) return true;
  return FAMILIES.some(
    (family) => before.subnets[family] !== undefined && before.subnets[family] !== after.subnets[family],
  );
}
