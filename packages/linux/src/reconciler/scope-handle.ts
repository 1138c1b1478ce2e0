import { Owner, Status } from './entry.js';
import type { KernelObject } from './kind.js';
import type { Claim } from './strays.js';
import type { Scope, ScopeProblem, ScopeStatus } from './scope.js';
import type { ScopeHost } from './scope-host.js';
import { closedError } from './scope-state.js';
import type { ScopeState } from './scope-state.js';

const NOTHING: readonly KernelObject[] = [];

/** A scope as its network sees it. */
export class ScopeHandle implements Scope {
  readonly #owners = new Map<string, Owner>();
  readonly #listeners = new Set<() => void>();
  #last = '';
  /** Something was wanted or not wanted any more since the last report, though the counts may be the same again. */
  #stirred = false;

  constructor(
    private readonly state: ScopeState,
    private readonly reconciler: ScopeHost,
  ) {}

  set(owner: string, objects: readonly KernelObject[], source?: unknown): void {
    if (this.state.closed) throw closedError();
    let known = this.#owners.get(owner);
    const before = known ? known.objects : NOTHING;
    if (!known) this.#owners.set(owner, (known = new Owner(owner, this.state)));
    known.objects = objects;
    known.source = source;
    for (const object of objects) this.reconciler.worker(object.kind).want(object, known);
    this.#unwantAllBut(objects, before, known);
    this.#stirred = true;
    this.reconciler.wake();
  }

  source(owner: string): unknown {
    return this.#owners.get(owner)?.source;
  }

  delete(owner: string): void {
    const known = this.#owners.get(owner);
    if (!known) return;
    this.#owners.delete(owner);
    this.#unwantAllBut([], known.objects, known);
    this.#stirred = true;
    this.reconciler.wake();
  }

  *owners(prefix = ''): Iterable<string> {
    for (const owner of this.#owners.keys()) if (owner.startsWith(prefix)) yield owner;
  }

  claim(kind: string, claim: Claim, judged?: () => void): void {
    this.reconciler.worker(kind).claim(this.state, claim, judged);
  }

  seen(kind: string): Iterable<KernelObject> {
    return this.reconciler.worker(kind).seen(this.state);
  }

  settled({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    return this.reconciler.settled(this.state, signal);
  }

  status(): ScopeStatus {
    const { objects, pending, failed, removing } = this.state;
    return { owners: this.#owners.size, objects, pending: pending + removing, failed };
  }

  problems(limit: number): readonly ScopeProblem[] {
    return this.reconciler.problems(this.state, limit);
  }

  applied(owner: string): boolean {
    const known = this.#owners.get(owner);
    if (!known) return false;
    for (const object of known.objects) {
      const { table, kind } = this.reconciler.worker(object.kind);
      const entry = table.serving(object, known);
      if (entry === undefined) return false;
      const status = table.entries.statusOf(entry);
      if (status !== Status.Applied && !(kind.advisory && status === Status.Failed)) return false;
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

  /** Owners have few objects each, so looking through them costs less than a set of their keys. */
  #unwantAllBut(kept: readonly KernelObject[], before: readonly KernelObject[], owner: Owner): void {
    for (const old of before) {
      const worker = this.reconciler.worker(old.kind);
      if (!kept.some((object) => object.kind === old.kind && worker.sameKey(object, old))) worker.unwant(old, owner);
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
