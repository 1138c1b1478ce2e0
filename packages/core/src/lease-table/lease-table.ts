import type { Address } from '../address/index.js';
import type { Lease, LeaseChange } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import { Admission, losesSubnet } from './admission.js';
import { reducedTo } from './judge.js';
import { Peer } from './peer.js';
import { RemovalDoubt } from './removal-doubt.js';
import { sameLease } from './same-lease.js';
import { usableEndpoints } from './usable-endpoints.js';
import type { ClaimsOf, Doubt, HeldLease, HeldRemoval, LeaseDelta, LeaseTableOptions, SharedAddress } from './types.js';

/**
 * Turns snapshots and changes of all leases into the least that a network must be told of its peers, and holds what
 * must not be believed: leases that contradict the configuration, this host or each other, and many removals at once.
 *
 * A lease is judged by family; the network gets it with the families that stand. Of two leases in conflict the accepted
 * one stays; of two that come together, the first. A held one is judged again when what it waits for becomes free.
 *
 * Removals are losses of something that the network has: a key that vanished, a subnet that went or became another, a
 * new version that is held. When they are too many (see {@link LeaseTableOptions}) they are doubted: the peers stay as
 * they were. The caller then does this, with `now` from one clock throughout:
 *
 * 1. at `doubt.until` it asks the store for a new snapshot (`needsReread` is true from then on);
 * 2. the first snapshot given at or after that time settles: what it confirms is removed, the rest was kept.
 *
 * While the store cannot be read nothing is removed. For a store that cannot be read again, {@link settle} takes the
 * place of the snapshot. What this host itself decides (the methods beginning with `set`) is never doubted.
 *
 * Pure: no I/O, no timer, no clock. `now` is in milliseconds. Leases are not expired here: the store removes, the table
 * follows. Nothing in a lease makes a method throw. The table keeps the lease objects; they must not be changed.
 *
 * A change costs the search of a few trees of at most 32 or 128 levels, and the leases waiting for what it lets go. The
 * methods beginning with `set`, if they change anything, judge all leases again.
 */
export class LeaseTable {
  readonly #peers = new Map<string, Peer>();
  readonly #doubt: RemovalDoubt;
  readonly #admission: Admission;
  /** Why endpoints of a lease were left out, by key. */
  readonly #leftOut = new Map<string, string>();
  #order = 0;
  #round = 0;
  #batch = 0;
  /** Every removal is to be doubted, however few they are. */
  #doubting = false;

  constructor(options: LeaseTableOptions = {}) {
    this.#doubt = new RemovalDoubt(options.holdMs ?? 60_000, options.doubtFraction ?? 0.2);
    this.#admission = new Admission(this.#doubt);
  }

  /** Takes the configuration that is in force. Without one every lease is held. */
  setNetConf(netConf: NetConf, now: number): LeaseDelta | undefined {
    return this.#admission.setNetConf(netConf) ? this.#judgeAll(now) : undefined;
  }

  /** Takes this host's own lease, which is no peer, whatever the store says of its key. */
  setOwn(lease: Lease | undefined, now: number): LeaseDelta | undefined {
    return this.#admission.setOwn(lease) ? this.#judgeAll(now) : undefined;
  }

  /** Takes the addresses of this host on the underlay, of both families. */
  setUnderlay(addresses: readonly Address[], now: number): LeaseDelta | undefined {
    return this.#admission.setUnderlay(addresses) ? this.#judgeAll(now) : undefined;
  }

  /** Takes what tells the claims of a lease: the backend's, as one VTEP MAC belongs to one host. */
  setClaims(claimsOf: ClaimsOf, now: number): LeaseDelta | undefined {
    return this.#admission.setClaims(claimsOf) ? this.#judgeAll(now) : undefined;
  }

  /**
   * Takes all leases of the store, the own one included or not. Of several with one key the last one counts.
   *
   * @param wentBack the store went back: what is missing is doubted, and be it only one
   */
  snapshot(leases: Iterable<Lease>, now: number, wentBack = false): LeaseDelta | undefined {
    const work: Peer[] = [];
    const round = ++this.#round;
    this.#batch++;
    for (const lease of leases) if (hasKey(lease)) this.#note(lease.key, lease, work);
    for (const peer of this.#peers.values()) {
      if (peer.round !== round && peer.lease !== undefined) this.#note(peer.key, undefined, work);
    }
    this.#doubting = wentBack;
    try {
      return this.#process(work, true, now);
    } finally {
      this.#doubting = false;
    }
  }

  /** Takes changes. Of several of one key the last one counts. */
  changes(changes: Iterable<LeaseChange>, now: number): LeaseDelta | undefined {
    const work: Peer[] = [];
    this.#batch++;
    for (const change of changes) {
      if (change.type === 'delete') this.#note(change.key, undefined, work);
      else if (hasKey(change.lease)) this.#note(change.lease.key, change.lease, work);
    }
    return this.#process(work, false, now);
  }

  /** Believes the removals that have been held long enough, without the store having been read again. */
  settle(now: number): LeaseDelta | undefined {
    this.#batch++;
    return this.#process([], true, now);
  }

  /** The removals that are held, if any: the same object until they change. */
  get doubt(): Doubt | undefined {
    return this.#doubt.summary();
  }

  /** When the oldest held removal may go; undefined when none is held. */
  due(): number | undefined {
    return this.#doubt.summary()?.until;
  }

  /** Whether a snapshot given now would settle held removals. */
  needsReread(now: number): boolean {
    const due = this.due();
    return due !== undefined && due <= now;
  }

  /** Milliseconds that doubted removals wait; 0 when none is doubted. */
  get holdMs(): number {
    return this.#doubt.holdMs;
  }

  /**
   * Whether so many removals would be doubted if there were so many peers: for those that the table has never had.
   *
   * @param wentBack as of {@link snapshot}
   */
  doubts(removals: number, peers: number, wentBack = false): boolean {
    return this.#doubt.tooManyOf(removals, peers, wentBack);
  }

  /** The number of peers that the network has. */
  get size(): number {
    return this.#admission.size;
  }

  /** What the network has of a lease. */
  get(key: string): Lease | undefined {
    return this.#peers.get(key)?.passed;
  }

  /** What the network has: the content of a snapshot for it. */
  *accepted(): IterableIterator<Lease> {
    for (const { passed } of this.#peers.values()) if (passed) yield passed;
  }

  /** The leases that are held, wholly or in part, and why. */
  *held(): IterableIterator<HeldLease> {
    const told = new Set<string>();
    for (const held of this.#admission.held()) {
      const endpoints = this.#leftOut.get(held.key);
      told.add(held.key);
      yield endpoints === undefined ? held : { ...held, endpoints };
    }
    for (const [key, endpoints] of this.#leftOut) if (!told.has(key)) yield { key, reasons: {}, endpoints };
  }

  /**
   * The public IPs that more than one peer publishes. That is no reason to hold them: it may be the lease of a host that has
   * another identity now and has not ended yet, or hosts behind one NAT; but as a rule one of them is not reached.
   */
  *sharedAddresses(): IterableIterator<SharedAddress> {
    for (const [address, peers] of this.#admission.shared) {
      yield { address, keys: Array.from(peers, ({ key }) => key) };
    }
  }

  /** The removals that are held, the oldest first. */
  *heldRemovals(): IterableIterator<HeldRemoval> {
    for (const [peer, { since, until }] of this.#doubt.entries()) {
      const { key, lease, passed } = peer;
      if (!passed) continue;
      const what = lease === undefined ? 'gone' : isRefused(peer) ? 'refused' : 'changed';
      yield { key, lease: passed, what, since, until };
    }
  }

  /** Takes note of what the store says of a key, and of the peer if that is something new. */
  #note(key: string, told: Lease | undefined, work: Peer[]): void {
    const lease = told && this.#usable(key, told);
    if (lease === undefined) this.#leftOut.delete(key);
    let peer = this.#peers.get(key);
    if (!peer) {
      if (!lease) return;
      peer = new Peer(key);
      this.#peers.set(key, peer);
    }
    if (lease) peer.round = this.#round;
    if (peer.lease && lease && sameLease(peer.lease, lease)) {
      // What the network has is of this version, but for a doubted peer and one that this call has yet to judge.
      if (peer.batch === this.#batch || this.#doubt.holds(peer)) peer.lease = lease;
      else refresh(peer, lease);
      return;
    }
    peer.lease = lease;
    peer.order = ++this.#order;
    if (peer.batch === this.#batch) return;
    peer.batch = this.#batch;
    work.push(peer);
  }

  /** The lease without endpoints that cannot be used. */
  #usable(key: string, told: Lease): Lease {
    const { lease, problem } = usableEndpoints(told);
    if (problem === undefined) this.#leftOut.delete(key);
    else this.#leftOut.set(key, problem);
    return lease;
  }

  /** Brings what the network has up to what was noted. `settling`: what is doubted and due is now confirmed. */
  #process(work: readonly Peer[], settling: boolean, now: number): LeaseDelta | undefined {
    this.#doubt.forgetOld(now);
    const due = new Set(settling ? this.#doubt.due(now) : []);
    const touched = [...work];
    for (const peer of due) {
      this.#doubt.lift(peer);
      if (peer.batch !== this.#batch) touched.push(peer);
    }

    const candidates: Peer[] = [];
    const versions: Peer[] = [];
    const lost: Peer[] = [];
    for (const peer of touched) {
      if (!peer.passed) candidates.push(peer);
      else if (peer.lease && !losesSubnet(peer.passed, peer.lease)) versions.push(peer);
      else lost.push(peer);
    }
    // What is lost for certain goes first: others may be waiting for it.
    this.#lose(lost, due, candidates, now);
    const refused = versions.filter((peer) => !this.#admission.attempt(peer));
    this.#lose(refused, due, candidates, now);

    const others = this.#admission.admitAll(candidates);
    for (const peer of candidates) if (!peer.lease) this.#peers.delete(peer.key);
    return this.#flush([...touched, ...others]);
  }

  /** Removes peers, or doubts that. Those in `due` have been doubted long enough. */
  #lose(peers: readonly Peer[], due: ReadonlySet<Peer>, candidates: Peer[], now: number): void {
    const confirmed = peers.filter((peer) => due.has(peer));
    const fresh = peers.filter((peer) => !due.has(peer) && !this.#doubt.holds(peer));
    this.#drop(confirmed, candidates);
    if (this.#doubt.tooMany(fresh, this.#admission.size, this.#doubting)) {
      for (const peer of fresh) this.#doubt.hold(peer, now);
    } else {
      for (const peer of fresh) this.#doubt.count(peer, now);
      this.#drop(fresh, candidates);
    }
    for (const peer of peers) {
      if (this.#doubt.holds(peer)) this.#admission.setHold(peer, isRefused(peer) ? peer.hold : undefined);
    }
  }

  #drop(peers: readonly Peer[], candidates: Peer[]): void {
    for (const peer of peers) {
      this.#admission.drop(peer);
      candidates.push(peer);
    }
  }

  /** Judges everything anew. */
  #judgeAll(now: number): LeaseDelta | undefined {
    this.#doubt.forgetOld(now);
    const peers = [...this.#peers.values()].sort((a, b) => a.order - b.order);
    this.#admission.judgeAll(peers);
    for (const peer of peers) if (!peer.lease && !peer.passed) this.#peers.delete(peer.key);
    return this.#flush(peers);
  }

  /** What the network has not been told yet of these peers. */
  #flush(peers: Iterable<Peer>): LeaseDelta | undefined {
    const set: Lease[] = [];
    const deleted: string[] = [];
    for (const peer of peers) {
      const { passed, reported } = peer;
      peer.reported = passed;
      if (passed) {
        if (!reported || !sameLease(passed, reported)) set.push(passed);
      } else if (reported) {
        deleted.push(peer.key);
      }
    }
    return set.length + deleted.length === 0 ? undefined : { type: 'delta', set, deleted };
  }
}

/** Whether the store has a version with the same subnets, which was judged and did not stand. */
function isRefused({ lease, passed }: Peer): boolean {
  return lease !== undefined && passed !== undefined && !losesSubnet(passed, lease);
}

/** Takes a lease in which only the expiry is new, so that the objects of the old snapshot can go. */
function refresh(peer: Peer, lease: Lease): void {
  const { passed } = peer;
  const whole = passed === peer.lease;
  peer.lease = lease;
  if (!passed) return;
  const families = FAMILIES.filter((family) => passed.subnets[family] !== undefined);
  peer.passed = whole ? lease : reducedTo(lease, families);
  peer.reported = peer.passed;
}

function hasKey(lease: unknown): lease is Lease {
  return typeof lease === 'object' && lease !== null && typeof (lease as { key?: unknown }).key === 'string';
}
