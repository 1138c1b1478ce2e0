import { errorText } from '@overlay/core';
import { Status } from './entry.js';
import type { KindWorker } from './kind-worker.js';
import type { Patience } from './patience.js';
import type { ScopeProblem } from './scope.js';
import type { ScopeState } from './scope-state.js';

/** What is wrong with the objects of one scope: at most `limit`, those first that a person has to settle. */
export function scopeProblems(
  state: ScopeState,
  workers: readonly KindWorker[],
  patience: Patience,
  limit: number,
): readonly ScopeProblem[] {
  const found: ScopeProblem[] = [];
  for (const problem of allProblems(state, workers, patience)) {
    if (found.length >= limit) break;
    found.push(problem);
  }
  return found;
}

function* allProblems(state: ScopeState, workers: readonly KindWorker[], patience: Patience): Iterable<ScopeProblem> {
  for (const worker of workers) yield* conflicts(state, worker);
  if (state.failed === 0) return;
  for (const [entry, failure] of patience.failures()) {
    if (entry.owner.scope === state) yield { owner: entry.owner.name, message: errorText(failure.error) };
  }
  for (const { table, kind } of workers) {
    for (const entry of table.entries) {
      if (entry.owner.scope !== state || (entry.status !== Status.Waiting && entry.status !== Status.Held)) continue;
      const what = `${kind.name} ${kind.key(entry.object)}`;
      const owner = entry.owner.name;
      if (entry.status === Status.Waiting) {
        yield { owner, message: `${what} waits for the device ${kind.link?.(entry.object) ?? ''}` };
      } else {
        const times = patience.undoneCount(entry);
        yield {
          owner,
          message: `${what}: somebody undid it ${times} times; it is restored ever less often`,
        };
      }
    }
  }
}

function* conflicts(state: ScopeState, { table, kind, shadows }: KindWorker): Iterable<ScopeProblem> {
  for (const { entry, others } of table.conflicts()) {
    const rivals = others.map((other) => other.owner.name).join(', ');
    const message = `${kind.name} ${kind.key(entry.object)} is wanted by ${entry.owner.name}, which has it, and by ${rivals}`;
    for (const { owner } of [entry, ...others]) if (owner.scope === state) yield { owner: owner.name, message };
  }
  for (const { object, message } of shadows.values()) {
    const entry = table.entries.find(object);
    if (entry?.owner.scope === state) yield { owner: entry.owner.name, message };
  }
}
