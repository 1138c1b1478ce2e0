import type { KindWorker } from './kind-worker.js';
import type { ScopeProblem } from './scope.js';
import type { ScopeState } from './scope-state.js';

/** What a scope asks of the reconciler that it belongs to. */
export interface ScopeHost {
  /**
   * The worker for a kind.
   *
   * @throws OverlayError `OVERLAY_KIND_UNKNOWN`.
   */
  worker(kind: string): KindWorker;
  /** Asks for a round. */
  wake(): void;
  /** Ends a scope. */
  forget(state: ScopeState): void;
  settled(state: ScopeState, signal: AbortSignal): Promise<void>;
  problems(state: ScopeState, limit: number): readonly ScopeProblem[];
  /** Whether some object is wanted by two scopes, one of which has it without its counts telling. */
  readonly contended: boolean;
}
