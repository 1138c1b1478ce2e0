import { OverlayError } from '@overlay/core';
import type { Clock } from '@overlay/core';

const MINUTE = 60_000;
/** The first creation and three more (rule: never fight). */
const CREATIONS_A_MINUTE = 4;

/** Keeps from making devices over and over that somebody else deletes. */
export class CreationLimit {
  readonly #created = new Map<string, number[]>();

  constructor(private readonly clock: Clock) {}

  /** Notes that a device is being made now, or gives the error that says why it must wait. */
  take(name: string): OverlayError | undefined {
    const now = this.clock.elapsed();
    const recent = (this.#created.get(name) ?? []).filter((at) => now - at < MINUTE);
    if (recent.length >= CREATIONS_A_MINUTE) {
      return new OverlayError(
        'OVERLAY_LINK_CONTENDED',
        `device ${name}: it was deleted ${recent.length - 1} times within a minute by somebody else; ` +
          `it is made again when that minute is over`,
      );
    }
    this.#created.set(name, [...recent, now]);
    return undefined;
  }

  /** The device that was to be made last was not: the kernel refused it, so that nobody can have deleted it. */
  refused(name: string): void {
    this.#created.get(name)?.pop();
  }
}
