import { errorCode, errorText } from '@overlay/core';
import type { Clock, Logger } from '@overlay/core';
import type { DesiredTable, Removal } from './desired-table.js';
import { earliest } from './earliest.js';
import type { Echoes } from './echoes.js';
import type { Kind } from './kind.js';

/** Objects handed to a kind in one call: large enough to fill sends, small enough to let others have a turn. */
export const BATCH = 8192;
const RETRY_MS = 200;
const LONGEST_RETRY_MS = 30_000;

interface SweeperContext {
  readonly table: DesiredTable;
  /** Where the kind reports our own changes to us as well. */
  readonly echoes: Echoes | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  wrote(kind: string, count: number): void;
}

/** Removes from the kernel what is no longer wanted, and tries again what it refuses to let go. */
export class Sweeper {
  constructor(
    private readonly kind: Kind,
    private readonly context: SweeperContext,
  ) {}

  /** Removes all that is due. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { table, clock } = this.context;
    const now = clock.elapsed();
    const due: [string, Removal][] = [];
    for (const item of table.removals) if ((item[1].retryAt ?? 0) <= now) due.push(item);
    for (let start = 0; start < due.length; start += BATCH) {
      const batch = due.slice(start, start + BATCH).filter(([key, removal]) => table.removals.get(key) === removal);
      if (batch.length === 0) continue;
      const objects = batch.map(([, removal]) => removal.object);
      const outcomes = await this.kind.remove(objects, signal);
      this.context.wrote(this.kind.name, batch.length);
      batch.forEach(([key, removal], i) => {
        // It may have come to be wanted again meanwhile.
        if (table.removals.get(key) === removal) this.#answered(key, removal, outcomes[i]);
      });
    }
  }

  /** When what was refused is due. */
  nextDue(): number | undefined {
    let next: number | undefined;
    for (const { retryAt } of this.context.table.removals.values()) next = earliest(next, retryAt);
    return next;
  }

  #answered(key: string, removal: Removal, error: Error | undefined): void {
    const { table, echoes, clock, logger } = this.context;
    if (!error || errorCode(error) === 'OVERLAY_LINK_MISSING') {
      echoes?.superseded(key, removal.object, clock.elapsed());
      echoes?.superseded(key, undefined, clock.elapsed());
      table.removed(key);
      return;
    }
    const attempts = removal.attempts ?? 0;
    table.removalRefused(removal, clock.elapsed() + Math.min(RETRY_MS * 2 ** attempts, LONGEST_RETRY_MS));
    if (attempts === 0) logger.warn(`${this.kind.name}: cannot remove ${key}: ${errorText(error)}`);
  }
}
