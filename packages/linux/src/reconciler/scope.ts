import type { KernelObject } from './kind.js';
import type { Claim } from './strays.js';

/** Something of a scope that is not as it should be. */
export interface ScopeProblem {
  /** Whose objects it concerns; empty for what keeps all objects of a kind from being read or written. */
  readonly owner: string;
  readonly message: string;
}

/** A scope at a glance. Reading it costs nothing. */
export interface ScopeStatus {
  readonly owners: number;
  readonly objects: number;
  /** Not yet compared, written or removed. */
  readonly pending: number;
  /** Refused, kept from us, or without their device. */
  readonly failed: number;
}

/**
 * What one network wants of the kernel. Objects are grouped by owner (a peer, a device), so that a change costs what
 * changes. All calls return at once; the work is done in the background and retried for as long as it is wanted.
 */
export interface Scope {
  /**
   * All that this owner wants, in place of what it wanted before.
   *
   * @param source what the objects are derived from, kept for {@link source}: a second table of 50,000 owners would take
   * 2 MB.
   */
  set(owner: string, objects: readonly KernelObject[], source?: unknown): void;
  /** What was given with the objects of an owner; undefined without any, or if there is no such owner. */
  source(owner: string): unknown;
  /** The owner wants nothing any more. */
  delete(owner: string): void;
  /** The owners of this scope whose names begin with `prefix`. */
  owners(prefix?: string): Iterable<string>;
  /**
   * Objects of this kind which the claim recognises are ours: found without being wanted, they are removed. To be called
   * when everything wanted has been set, for what is wanted later is not known to be wanted now.
   *
   * @param judged called when all objects of the kind have been read once and judged by it
   */
  claim(kind: string, claim: Claim, judged?: () => void): void;
  /** The objects of a kind that are wanted here and that the last read of all of them found, as wanted or different. */
  seen(kind: string): Iterable<KernelObject>;
  /**
   * Resolves when everything set so far has been tried once, or cannot be tried because its kind as a whole fails, which
   * {@link problems} tells.
   *
   * @throws OverlayError `OVERLAY_ABORTED`, `OVERLAY_CLOSED`.
   */
  settled(options: { readonly signal: AbortSignal }): Promise<void>;
  status(): ScopeStatus;
  /** What is wrong, at most `limit` of it. */
  problems(limit: number): readonly ScopeProblem[];
  /** Whether the objects of one owner are all in the kernel as wanted. */
  applied(owner: string): boolean;
  /** Calls after each round in which the status changed. */
  onChange(listener: () => void): () => void;
  /** Forgets everything and leaves the kernel as it is. */
  close(): void;
}
