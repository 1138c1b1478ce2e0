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
  /** Somebody else's object has its place, and keeps it. */
  Taken,
  /** Not wanted any more. */
  Gone,
}

/** Whether it is still to be compared or written for the first time. */
export function isPending(status: Status): boolean {
  return status === Status.Unknown || status === Status.Dirty || status === Status.Writing;
}

/**
 * Who wants objects: a peer, a device. There are as many as hosts and nearly all want at most three objects, so these have
 * fields: a list of its own for each would take as much again.
 */
export class Owner {
  #first: KernelObject | undefined;
  #second: KernelObject | undefined;
  #third: KernelObject | undefined;
  #more: readonly KernelObject[] | undefined;
  /** What the objects are derived from, if whoever wants them has it kept. */
  source: unknown;

  constructor(
    readonly name: string,
    readonly scope: ScopeState,
  ) {}

  /** A list of what is wanted, made for each who asks. */
  get objects(): readonly KernelObject[] {
    const objects: KernelObject[] = [];
    if (this.#first) objects.push(this.#first);
    if (this.#second) objects.push(this.#second);
    if (this.#third) objects.push(this.#third);
    if (this.#more) objects.push(...this.#more);
    return objects;
  }

  set objects(objects: readonly KernelObject[]) {
    // Not by destructuring, which takes an iterator for each of 50,000.
    this.#first = objects[0];
    this.#second = objects[1];
    this.#third = objects[2];
    this.#more = objects.length > 3 ? objects.slice(3) : undefined;
  }
}

/** Who has the places that no entry has. */
export const NOBODY = new Owner('', new ScopeState(''));

/**
 * One wanted object, by its place in the table of its kind. Another one may have that place once it is gone: whoever keeps
 * it while others have their turn must look at its status again.
 */
export type Entry = number;
