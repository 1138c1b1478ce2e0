import { Status } from './entry.js';
import type { KernelObject } from './kind.js';
import type { Claim } from './kind-worker.js';
import type { Scope, ScopeProblem, ScopeStatus } from './scope.js';
import type { ScopeHost } from './scope-host.js';
import { closedError } from './scope-state.js';
import type { ScopeState } from './scope-state.js';

/** A scope as its network sees it. */
export class ScopeHandle implements Scope {
  readonly #listeners = new Set<() => void>();
  #last = '';
  /** Something was wanted or not wanted any more since the last report, though the counts may be the same again. */
  #stirred = false;

  constructor(
    private readonly state: ScopeState,
    private readonly reconciler: ScopeHost,
  ) {}

  set(owner: string, objects: readonly KernelObject[]): void {
    if (this.state.closed) throw closedError();
    const before = this.state.owners.get(owner);
    const names: string[] = [];
    for (const object of objects) {
      names.push(object.kind, this.reconciler.worker(object.kind).want(object, this.state, owner));
    }
    this.state.owners.set(owner, names);
    if (before) this.#unwantAllBut(names, before, owner);
    this.#stirred = true;
    this.reconciler.wake();
  }

  delete(owner: string): void {
    const before = this.state.owners.get(owner);
    if (!before) return;
    this.state.owners.delete(owner);
    this.#unwantAllBut([], before, owner);
    this.#stirred = true;
    this.reconciler.wake();
  }

  *owners(prefix = ''): Iterable<string> {
    for (const owner of this.state.owners.keys()) if (owner.startsWith(prefix)) yield owner;
  }

  claim(kind: string, claim: Claim): void {
    this.reconciler.worker(kind).claim(this.state, claim);
  }

  settled({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    return this.reconciler.settled(this.state, signal);
  }

  status(): ScopeStatus {
    const { owners, objects, pending, failed, removing } = this.state;
    return { owners: owners.size, objects, pending: pending + removing, failed };
  }

  problems(limit: number): readonly ScopeProblem[] {
    return this.reconciler.problems(this.state, limit);
  }

  applied(owner: string): boolean {
    const names = this.state.owners.get(owner);
    if (!names) return false;
    for (const [kind, key] of pairs(names)) {
      const entry = this.reconciler.worker(kind).table.serving(key, this.state, owner);
      if (entry?.status !== Status.Applied) return false;
    }
    return true;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    if (this.state.closed) return;
    this.state.closed = true;
    this.#listeners.clear();
    this.reconciler.forget(this.state);
  }

  #unwantAllBut(kept: readonly string[], before: readonly string[], owner: string): void {
    const still = new Set<string>();
    for (const [kind, key] of pairs(kept)) still.add(`${kind} ${key}`);
    for (const [kind, key] of pairs(before)) {
      if (!still.has(`${kind} ${key}`)) this.reconciler.worker(kind).unwant(key, this.state, owner);
    }
  }

  /** Tells the listeners if something may be different. */
  report(): void {
    const { objects, pending, failed, removing } = this.state;
    const now = `${objects} ${pending} ${failed} ${removing}`;
    if (now === this.#last && !this.#stirred && !this.reconciler.contended) return;
    this.#last = now;
    this.#stirred = false;
    for (const listener of this.#listeners) listener();
  }
}

/** The pairs of a flat list of kind, key, kind, key. */
function* pairs(names: readonly string[]): Iterable<readonly [kind: string, key: string]> {
  for (let i = 0; i + 1 < names.length; i += 2) yield [names[i], names[i + 1]];
}
