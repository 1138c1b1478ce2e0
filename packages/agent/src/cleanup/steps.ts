import type { NetlinkPort } from '@overlay/linux/netlink';

export type ItemKind = 'route' | 'address' | 'neighbour' | 'fdb' | 'device' | 'program' | 'file' | 'lease';

/** Something that cleaning up takes away or changes, in one line. */
export interface Item {
  readonly kind: ItemKind;
  readonly text: string;
}

/** A message to the kernel. */
export interface Request {
  readonly message: Uint8Array;
  /** Names of the errors that mean that what is wanted is so already. */
  readonly tolerates: readonly string[];
}

/** An item, and what has to be sent for it, in this order. Nothing is sent for what goes with its device. */
export interface Step {
  readonly item: Item;
  readonly requests: readonly Request[];
}

/** A step that the kernel refused. */
export interface Failure {
  readonly item: Item;
  readonly reason: string;
}

/**
 * Takes steps: the first request of all of them, then the second one of those whose first one succeeded, and so on. So
 * what replaces something is there for all before anything is taken away.
 */
export async function takeSteps(
  port: NetlinkPort,
  steps: readonly Step[],
  signal: AbortSignal,
): Promise<readonly Failure[]> {
  const failures: Failure[] = [];
  let going = steps;
  for (let turn = 0; going.length > 0; turn++) {
    going = going.filter(({ requests }) => requests.length > turn);
    const requests = going.map((step) => step.requests[turn]);
    const refused = await port.send(
      requests.map(({ message }) => message),
      { signal },
    );
    going = going.filter(({ item }, place) => {
      const error = refused.get(place);
      if (error === undefined || requests[place].tolerates.includes(error.errnoName)) return true;
      failures.push({ item, reason: error.message });
      return false;
    });
  }
  return failures;
}
