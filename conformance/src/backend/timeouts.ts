/** How long things may take, in milliseconds. Allowances for a busy machine, not targets. */
export interface BackendTimeouts {
  /** A whole test, without what it leaves to clean up. */
  readonly test: number;
  /** Until what a test has made is gone, also after it has failed. */
  readonly cleanup: number;
  /** Until all agents of an environment are ready and know each other. */
  readonly join: number;
  /** Until what was applied is in the kernel. */
  readonly converge: number;
  /** Until thousands of peers that were applied are in place, or gone. */
  readonly scale: number;
  /** Until a route, neighbour or forwarding entry that was disturbed is back and packets pass. */
  readonly healObject: number;
  /** The same for a device or its address. */
  readonly healDevice: number;
  /** The same when the host's interface changed, whose peers have to learn of it. */
  readonly healHost: number;
  /** Until an aborted operation has ended, and until something has closed. */
  readonly end: number;
  /** Until what a test has closed is really gone from the machine. */
  readonly leftovers: number;
}

export const DEFAULT_BACKEND_TIMEOUTS: BackendTimeouts = {
  test: 60_000,
  cleanup: 20_000,
  join: 10_000,
  converge: 5000,
  scale: 40_000,
  healObject: 3000,
  healDevice: 6000,
  healHost: 12_000,
  end: 2000,
  leftovers: 5000,
};
