import { errorText } from '@overlay/core';
import { Status } from './entry.js';
import { LEFT } from './strays.js';
import type { KindWorker } from './kind-worker.js';
import type { ScopeProblem } from './scope.js';
import type { ScopeState } from './scope-state.js';

/** Of a problem that concerns a scope as a whole. */
const NO_OWNER = '';
/** How many of those who want an object are named. */
const MOST_RIVALS = 5;

/** What is wrong with the objects of one scope: at most `limit`, those first that a person has to settle. */
export function scopeProblems(
  state: ScopeState,
  workers: readonly KindWorker[],
  limit: number,
): readonly ScopeProblem[] {
  const found: ScopeProblem[] = [];
  for (const problem of allProblems(state, workers)) {
    if (found.length >= limit) break;
    found.push(problem);
  }
  return found;
}

function* allProblems(state: ScopeState, workers: readonly KindWorker[]): Iterable<ScopeProblem> {
  for (const worker of workers) yield* troubles(state, worker);
  for (const worker of workers) yield* conflicts(state, worker);
  for (const { kind, strays } of workers) {
    for (const key of strays.left(state)) yield { owner: NO_OWNER, message: `${kind.name} ${key}: ${LEFT}` };
  }
  if (state.failed === 0) return;
  for (const { table, patience } of workers) {
    for (const [entry, failure] of patience.failures()) {
      const owner = table.entries.ownerOf(entry);
      if (owner.scope === state) yield { owner: owner.name, message: errorText(failure.error) };
    }
  }
  for (const worker of workers) yield* waiting(state, worker);
}

/** A kind that can be neither read nor written, which concerns all of its objects and no owner more than another. */
function* troubles(state: ScopeState, worker: KindWorker): Iterable<ScopeProblem> {
  const { trouble, kind } = worker;
  if (!trouble.lasting || !worker.serves(state)) return;
  yield { owner: NO_OWNER, message: `${kind.name}: ${errorText(trouble.error)}; it is tried again until it succeeds` };
}

/** What waits for a device, or is restored ever less often. */
function* waiting(state: ScopeState, { table: { entries }, kind, patience }: KindWorker): Iterable<ScopeProblem> {
  for (const entry of entries) {
    const status = entries.statusOf(entry);
    if (status !== Status.Waiting && status !== Status.Held) continue;
    const { scope, name: owner } = entries.ownerOf(entry);
    if (scope !== state) continue;
    const object = entries.objectOf(entry);
    const what = `${kind.name} ${kind.key(object)}`;
    if (status === Status.Waiting) {
      yield { owner, message: `${what} waits for the device ${kind.link?.(object) ?? ''}` };
    } else {
      const times = patience.undoneCount(entry);
      yield { owner, message: `${what}: somebody undid it ${times} times; it is restored ever less often` };
    }
  }
}

function* conflicts(state: ScopeState, { table, kind, shadows }: KindWorker): Iterable<ScopeProblem> {
  for (const { holder, others } of table.conflicts()) {
    const named = others.slice(0, MOST_RIVALS).map((other) => other.owner.name);
    const more = others.length - named.length;
    const rivals = named.join(', ') + (more > 0 ? ` and ${more} more` : '');
    const message = `${kind.name} ${kind.key(holder.object)} is wanted by ${holder.owner.name}, which has it, and by ${rivals}`;
    for (const { owner } of [holder, ...others]) if (owner.scope === state) yield { owner: owner.name, message };
  }
  for (const { entry, message } of shadows.inTheWay()) {
    const owner = table.entries.ownerOf(entry);
    if (owner.scope === state) yield { owner: owner.name, message };
  }
}
