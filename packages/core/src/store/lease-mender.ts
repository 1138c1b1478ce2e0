import type { Lease, LeaseAttributes } from '../lease.js';

/** What came of an attempt to bring the store to what it should be. */
export type Mended =
  /** Nothing is left to do at present; `problem` is what stands against the lease, `lost` that another host has it. */
  | { readonly kind: 'done'; readonly problem?: string; readonly lost?: true }
  /** To be tried again after so many milliseconds. */
  | { readonly kind: 'again'; readonly afterMs: number; readonly problem?: string };

/**
 * What a store does for the lease of one host. A `LeaseKeeper` decides when, and calls {@link mend} once at a time.
 *
 * It never moves to other subnets by itself, since pods live in them: what stands against the lease is a problem.
 */
export interface LeaseMender {
  /** The lease as far as it is known: another object when anything of it has changed. */
  readonly lease: Lease;
  /** When it is to be mended at the latest though nothing has happened, in milliseconds since the Unix epoch. */
  readonly dueAt: number | undefined;
  /**
   * Whether something has come to be known of the store, which is not asked, that calls for mending.
   *
   * @param troubled whether something stood against the lease when it was last mended
   */
  needsMending(attributes: LeaseAttributes, troubled: boolean): boolean;
  /** Looks at the store and writes what is not as it should be. Rejects when the store cannot be asked, or aborted. */
  mend(attributes: LeaseAttributes, signal: AbortSignal): Promise<Mended>;
  /** In one line what follows from an error of {@link mend}. Errors of one `kind` are told once. */
  failure(error: unknown): { readonly problem: string; readonly kind?: string };
}
