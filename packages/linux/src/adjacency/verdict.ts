import type { Address } from '@overlay/core';

/** Whether a host is on this link, so that packets can go straight to it. */
export interface Verdict {
  readonly direct: boolean;
  /** Why not, in one line. */
  readonly reason?: string;
}

export const DIRECT: Verdict = { direct: true };

/** What the kernel's routing says of an address. */
export interface RouteAnswer {
  readonly gateway?: Address;
  /** Index of the device that packets to it leave by. */
  readonly index?: number;
  /** Name of that device. */
  readonly link?: string;
  /** Why it cannot be reached at all. */
  readonly problem?: string;
}

/** Judges an address by the route to it: adjacent is what is reached without a gateway, over the overlay's interface. */
export function judgeRoute(
  address: Address,
  answer: RouteAnswer,
  via: { readonly name: string; readonly broadcast: boolean },
): Verdict {
  if (answer.problem !== undefined) return { direct: false, reason: `${address} cannot be reached: ${answer.problem}` };
  if (answer.gateway !== undefined) {
    return { direct: false, reason: `${address} is behind the router ${answer.gateway}, not on the link ${via.name}` };
  }
  if (answer.link !== via.name) {
    return { direct: false, reason: `${address} is reached by ${answer.link ?? 'no device'}, not by ${via.name}` };
  }
  // A route without a gateway also leads into a VPN, where the other side need not know pods' addresses.
  if (!via.broadcast) return { direct: false, reason: `${via.name} is point-to-point, so ${address} is no neighbour` };
  return DIRECT;
}
