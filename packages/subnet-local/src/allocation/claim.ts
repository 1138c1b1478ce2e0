import { linkSync, renameSync } from 'node:fs';
import type { Clock, PerFamily, Prefix } from '@overlay/core';
import { errorCode, parseLeaseKey } from '@overlay/core';
import { jittered, subnetsOverlap, wait } from '@overlay/core/store';
import type { LeaseDirectory } from '../directory/lease-directory.js';
import type { LeaseRecord } from '../directory/lease-record.js';
import { isExpired } from '../directory/lease-record.js';
import { clearLeftovers } from '../directory/leftovers.js';
import { claimName, parseClaimName, parseGoneName } from '../directory/work-names.js';

/*
 * How subnets are given to one host only, without a lock
 * ======================================================
 *
 * Whoever wants to take, rewrite or remove a lease first puts a *claim* into the directory: a complete, synced file
 * whose name says which subnets it is about. Then he lists the directory, and only if he finds
 *   - no other claim on overlapping subnets (of any length, in either family), and
 *   - no lease of another host on them that has not expired
 * does he go on, by making the claim itself the lease: link(2) from the claim to the lease's name where there is none,
 * rename(2) of the claim onto a lease's file that was found to be his own.
 *
 * Why two hosts never get the same subnet. Of two claims that overlap, one, B, appeared later. B listed the directory
 * after it had appeared, so the listing showed A's claim, or the lease that A had made of it by then, and B did not go
 * on. Two details carry this. A lease is linked before its claim is unlinked, and the directory is listed twice, so a
 * transition in the middle of one listing is seen by the other. (Some file systems, tmpfs and btrfs among them, may
 * leave out of a listing a file that is renamed onto while it runs; the second listing has it.) And a claim that is
 * older than some seconds may be removed by anybody, because that is harmless: link and rename have the claim's file as
 * their source and fail when it is gone. Whoever was stopped in the middle and comes back later starts afresh.
 *
 * Nothing here asks whether a process lives, so it holds across containers with process numbers of their own. Killed at
 * any step, a process leaves one of these: an unfinished temporary file, which nobody reads; a claim, which holds the
 * subnets up for some seconds; a lease with its claim, or two leases of one host, which that host tidies up at its next
 * start, and of which the one written last counts until then; a lease's file under its name for going out, which
 * whoever comes by removes or puts back.
 *
 * Who goes first. A claim with a smaller ticket is older. The younger one withdraws; the older one waits for that. So of
 * all who want the same one always gets on, and nobody waits for ever.
 */

/** What listing the directory says about a claim. */
export type Verdict =
  /** Nobody is in the way; `expired` are ended leases of others that overlap. */
  | { readonly kind: 'clear'; readonly expired: readonly LeaseRecord[] }
  /** Others who came later are about to withdraw. */
  | { readonly kind: 'wait' }
  /** Somebody else goes first, or the claim was removed as too old. */
  | { readonly kind: 'yield' }
  /** Others hold overlapping leases. */
  | { readonly kind: 'taken'; readonly by: readonly Holder[]; readonly expired: readonly LeaseRecord[] };

/** A file that holds subnets. `key` is absent when nobody can tell whose it is. */
export interface Holder {
  readonly name: string;
  readonly key?: string;
}

/** What a claim is about. */
export interface ClaimSubject {
  /** The name of the lease's file. */
  readonly lease: string;
  readonly subnets: PerFamily<Prefix>;
  /** The digest of the claimant's identity. Two claims of one host exclude each other whatever they are about. */
  readonly host: string;
}

export class Claim {
  readonly name: string;

  private constructor(
    readonly directory: LeaseDirectory,
    readonly subject: ClaimSubject,
    readonly ticket: string,
  ) {
    this.name = claimName(ticket, subject.host, subject.lease);
  }

  /** Puts a claim into the directory. `text` becomes the lease's content. @throws system errors of writing a file */
  static async stake(directory: LeaseDirectory, subject: ClaimSubject, ticket: string, text: string): Promise<Claim> {
    const claim = new Claim(directory, subject, ticket);
    await directory.write(ticket, claim.name, text);
    return claim;
  }

  /**
   * Waits until it is known whether the claim may go on.
   *
   * @param isOwn tells the claimant's own leases, which are in nobody's way
   * @throws system errors of reading the directory; OverlayError `OVERLAY_ABORTED`
   */
  async decide(
    isOwn: (record: LeaseRecord) => boolean,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<Exclude<Verdict, { kind: 'wait' }>> {
    for (;;) {
      const verdict = this.check(isOwn, clock.now());
      if (verdict.kind !== 'wait') return verdict;
      await wait(clock, jittered(8), `claiming ${this.subject.lease} in ${this.directory.path}`, signal);
    }
  }

  /** Looks once. */
  check(isOwn: (record: LeaseRecord) => boolean, now: number): Verdict {
    const names = new Set([...this.directory.names(), ...this.directory.names()]);
    if (!names.has(this.name)) return { kind: 'yield' };
    const by: Holder[] = [];
    const expired: LeaseRecord[] = [];
    let juniors = false;
    for (const name of names) {
      if (name.startsWith('.')) {
        const order = this.#order(name);
        if (order === undefined) continue;
        // An abandoned claim would be waited for in vain.
        clearLeftovers(this.directory, [name], now);
        if (order < 0) return { kind: 'yield' };
        juniors = true;
        continue;
      }
      const subnets = parseLeaseKey(name);
      if (subnets === undefined || !subnetsOverlap(subnets, this.subject.subnets)) continue;
      const reading = this.directory.read(name);
      if (reading.kind === 'absent') {
        juniors = true; // It is on the move at this moment.
      } else if (reading.kind !== 'lease') {
        by.push({ name });
      } else if (!isOwn(reading.record)) {
        if (isExpired(reading.record, now)) expired.push(reading.record);
        else by.push({ name, key: reading.record.key });
      }
    }
    if (juniors) return { kind: 'wait' };
    return by.length > 0 ? { kind: 'taken', by, expired } : { kind: 'clear', expired };
  }

  /** Makes the claim a new lease. False when the name has come into use, or the claim was removed. */
  create(): boolean {
    try {
      linkSync(this.directory.file(this.name), this.directory.file(this.subject.lease));
      return true;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EEXIST' || code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Makes the claim the new content of a lease that is there. False when the claim was removed. */
  replace(): boolean {
    try {
      renameSync(this.directory.file(this.name), this.directory.file(this.subject.lease));
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Takes the claim out of the directory, if it is still there. */
  withdraw(): void {
    this.directory.discard(this.name);
  }

  /** Negative when the working file `name` goes before this claim, positive when after, undefined when they may pass. */
  #order(name: string): number | undefined {
    if (name === this.name) return undefined;
    const other = parseClaimName(name);
    if (other !== undefined) {
      if (other.host !== this.subject.host && !subnetsOverlap(other.subnets, this.subject.subnets)) return undefined;
      return other.ticket < this.ticket ? -1 : 1;
    }
    const gone = parseGoneName(name);
    return gone !== undefined && subnetsOverlap(gone.subnets, this.subject.subnets) ? 1 : undefined;
  }
}
