import type { KernelObject } from './kind.js';
import type { ScopeState } from './scope-state.js';

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

/**
 * One wanted object. There are three for each peer, hence 150,000 at 50,000 hosts: a field here costs a megabyte, so
 * whatever few entries need lives in maps beside them, and the key is not kept but made when a person is told of it.
 */
export class Entry {
  status: Status = Status.Unknown;
  /** The number of the dump that saw it last. */
  seen = 0;

  constructor(
    public object: KernelObject,
    public owner: Owner,
  ) {}
}
