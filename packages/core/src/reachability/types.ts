import type { Address, Family } from '../address/index.js';

/**
 * `unknown`: it has never answered, so nobody can tell whether it could. `reachable`. `unreachable`: it answered once, and
 * the last three probes or more were lost.
 */
export type PathState = 'unknown' | 'reachable' | 'unreachable';

/** What the probes of one peer in one address family have shown. */
export interface PathReport {
  /** The lease's key. */
  readonly peer: string;
  readonly family: Family;
  /** The address that answered last; while none has, the one that is tried next. */
  readonly target: Address;
  readonly state: PathState;
  /** Probes since it answered for the first time; before that, all of them. */
  readonly sent: number;
  /** Those of them that were not answered within a second. 0 while the state is `unknown`. */
  readonly lost: number;
  /** The part of the last 20 probes that was lost, from 0 to 1. Absent while the state is `unknown`. */
  readonly loss?: number;
  /**
   * Milliseconds from sending to reading the answer, so a busy agent makes it longer. `average` is smoothed as in
   * RFC 6298, with 1/8.
   */
  readonly rtt?: { readonly lastMs: number; readonly averageMs: number };
  /** When the first of the probes was sent that are lost since, in milliseconds since the Unix epoch. */
  readonly unreachableSince?: number;
  /** Why the kernel refused to send the last probe. */
  readonly problem?: string;
}

/** What probing all peers has shown. */
export interface Reachability {
  /** Probes a second, over all peers. */
  readonly rate: number;
  /** Why nothing is probed, or not everything, and what to do. One line. */
  readonly problem?: string;
  /** How many paths, one for each peer and family, are in each state. */
  readonly counts: Readonly<Record<PathState, number>>;
  /** At most 100, the worst first: unreachable ones, then by loss, then unknown ones, then by round-trip time. */
  readonly peers: readonly PathReport[];
}

/** One echo request to be sent. */
export interface EchoRequest {
  readonly address: Address;
  /** What its answer is known by: 0 to 2^32 - 1. */
  readonly token: number;
  /** To be called, once at most and not before `send` has returned, when the kernel refuses to send it. */
  readonly refused: (why: string) => void;
}

/** Sends ICMP echo requests; a {@link Prober} is given one. */
export interface EchoSender {
  /** @throws when there is no socket to send with, which is nothing that the peer could help. */
  send(request: EchoRequest): void;
  close(): void;
}
