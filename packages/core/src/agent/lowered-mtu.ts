import type { Finding } from '../backend.js';

/**
 * Remembers the largest MTU that pods of this host may have been started with. The interfaces of pods are not the
 * agent's to change: what it does is to tell when the network's MTU has fallen below theirs.
 */
export class LoweredMtu {
  #largest: number | undefined;
  #present: number | undefined;

  /** Takes in what `subnet.env` says, or has come to say. */
  saw(mtu: number | undefined): void {
    if (mtu === undefined || mtu === 0) return;
    this.#present = mtu;
    this.#largest = Math.max(mtu, this.#largest ?? 0);
  }

  /** At most one: that the MTU was lowered while the agent ran, or since the run before. */
  findings(): readonly Finding[] {
    const present = this.#present;
    const largest = this.#largest;
    if (present === undefined || largest === undefined || present >= largest) return [];
    return [
      {
        level: 'warning',
        check: 'mtu-lowered',
        message: `the MTU of pods was lowered from ${largest} to ${present}, and pods that were started before may still have ${largest}`,
        remedy: `restart the pods of this host, or set the MTU of their interfaces to ${present}`,
      },
    ];
  }
}
