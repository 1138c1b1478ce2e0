import { OverlayError } from '@overlay/core';

/** What goes wrong between one process and a host's table, as a test wants it. */
export class MemoryFaults {
  /** While true every change is refused. */
  refusing = false;
  /** Changes that were refused so far. */
  refused = 0;
  #severed = false;
  #toLose = 0;

  /** Whether the process was killed, as far as the table is concerned. */
  get severed(): boolean {
    return this.#severed;
  }

  /** What a kill -9 does: nothing is read, written or told any more. */
  sever(): void {
    this.#severed = true;
  }

  /** The next changes are not told; instead it is told that something was lost, as a full socket does. */
  loseNext(changes: number): void {
    this.#toLose = changes;
  }

  /** @internal */
  loses(): boolean {
    if (this.#toLose === 0) return false;
    this.#toLose -= 1;
    return true;
  }

  /** @internal */
  refuses(): boolean {
    this.throwIfSevered();
    if (this.refusing) this.refused += 1;
    return this.refusing;
  }

  /** @internal */
  throwIfSevered(): void {
    if (this.#severed) throw new OverlayError('OVERLAY_CLOSED', 'memory: the process that this stands for was killed');
  }
}
