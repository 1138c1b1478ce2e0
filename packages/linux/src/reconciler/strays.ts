import type { Clock } from '@overlay/core';
import type { KernelObject } from './kind.js';
import type { ScopeState } from './scope-state.js';

/** How often in a minute an object that bears our marks, and that nobody wants, is removed at once. */
const FREE_STRAYS = 8;
const MINUTE_MS = 60_000;
/** What is told of one that is left. */
export const LEFT = `it bears our marks and nobody wants it, but somebody makes it again whenever it is removed; it is left for a minute`;
/** So many keys of strays are remembered. */
const MOST_KEYS = 10_000;

/**
 * How long nothing is taken for a stray after a scope was closed, in milliseconds. A network that is opened again in the
 * place of another one wants the same in a moment; a read in between, with the marks of a third, must not remove it.
 */
const SPARE_MS = 10_000;

/**
 * Whether a scope holds an object to be its own that is found in the kernel and that nobody wants. `wanted` gives what is
 * wanted of the same kind under the key of another object, of which only what makes up the key need be right. `kept`: it
 * is, and stays for now, whoever else claims it.
 */
export type Claim = (
  actual: KernelObject,
  wanted: (other: KernelObject) => KernelObject | undefined,
) => boolean | 'kept';

/** Objects that bear the marks of a scope and that nobody wants: whose they are, and whether they go now. */
export class Strays {
  readonly #claims = new Map<ScopeState, Claim[]>();
  readonly #seen = new Map<string, { count: number; since: number }>();
  /** Those that are left for now, because somebody keeps making them, and whose they would be. */
  readonly #left = new Map<string, ScopeState>();
  #spareUntil = -Infinity;
  #cancelSpare: (() => void) | undefined;

  /** @param readAll reads everything again, when what was spared may be judged. */
  constructor(
    private readonly clock: Clock,
    private readonly readAll: () => void,
  ) {}

  /** Whether anybody claims anything. */
  get claimed(): boolean {
    return this.#claims.size > 0;
  }

  isClaimedBy(scope: ScopeState): boolean {
    return this.#claims.has(scope);
  }

  claim(scope: ScopeState, claim: Claim): void {
    this.#claims.set(scope, [...(this.#claims.get(scope) ?? []), claim]);
  }

  /** Drops a scope's claims, and spares for a while whatever others claim. */
  forget(scope: ScopeState): void {
    this.#claims.delete(scope);
    for (const key of [...this.left(scope)]) this.#left.delete(key);
    this.#spareUntil = this.clock.elapsed() + SPARE_MS;
  }

  /** The scope that an object which nobody wants belongs to; undefined when it is nobody's, `kept` when it stays for now. */
  claimant(
    actual: KernelObject,
    wanted: (other: KernelObject) => KernelObject | undefined,
  ): ScopeState | 'kept' | undefined {
    let claimant: ScopeState | undefined;
    for (const [scope, claims] of this.#claims) {
      for (const claim of claims) {
        const claimed = claim(actual, wanted);
        if (claimed === 'kept') return claimed;
        if (claimed) claimant ??= scope;
      }
    }
    return claimant;
  }

  /**
   * What is to become of the stray under a key: it goes now, it is spared for a while, or it is left because somebody keeps
   * making it, until a minute is over.
   */
  judge(key: string, scope: ScopeState): 'remove' | 'spare' | 'leave' {
    if (this.#spares()) return 'spare';
    const now = this.clock.elapsed();
    const stray = this.#seen.get(key);
    if (!stray || now - stray.since > MINUTE_MS) {
      if (this.#seen.size > MOST_KEYS) this.#seen.clear();
      this.#seen.set(key, { count: 1, since: now });
      this.#left.delete(key);
      return 'remove';
    }
    stray.count += 1;
    if (stray.count <= FREE_STRAYS) return 'remove';
    if (this.#left.size < MOST_KEYS) this.#left.set(key, scope);
    return 'leave';
  }

  /** The object under a key is gone, or wanted by now. */
  gone(key: string): void {
    this.#left.delete(key);
  }

  /** The keys of a scope's strays that are left because somebody keeps making them. */
  *left(scope: ScopeState): Iterable<string> {
    for (const [key, whose] of this.#left) if (whose === scope) yield key;
  }

  close(): void {
    this.#cancelSpare?.();
  }

  /** Whether it is too early to call anything a stray; if so, everything is read again when it no longer is. */
  #spares(): boolean {
    const ms = this.#spareUntil - this.clock.elapsed();
    if (ms <= 0) return false;
    this.#cancelSpare ??= this.clock.after(ms, () => {
      this.#cancelSpare = undefined;
      this.readAll();
    });
    return true;
  }
}
