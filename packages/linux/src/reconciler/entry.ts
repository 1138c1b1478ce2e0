import type { KernelObject } from './kind.js';
import { ScopeState } from './scope-state.js';

/** How far a wanted object is. */
export enum Status {
  /** Wanted, and not yet compared with what is there. */
  Unknown,
  /** In the kernel as wanted, as far as anybody has told. */
  Applied,
  /** Differs; to be written in the next round. */
  Dirty,
  /** On its way to the kernel. */
  Writing,
  /** Its device does not exist. */
  Waiting,
  /** The kernel refused it; it is tried again later. */
  Failed,
  /** Somebody keeps undoing it; it is restored later. */
  Held,
  /** Not wanted any more. */
  Gone,
}

const NOTHING: readonly KernelObject[] = [];

/** Who wants objects: a peer, a device. */
export class Owner {
  objects = NOTHING;

  constructor(
    readonly name: string,
    readonly scope: ScopeState,
  ) {}
}

/** Who has the places that no entry has. */
export const NOBODY = new Owner('', new ScopeState(''));

/**
 * One wanted object, by its place in the table of its kind. Another one may have that place once it is gone: whoever keeps
 * it while others have their turn must look at its status again.
 */
export type Entry = number;
