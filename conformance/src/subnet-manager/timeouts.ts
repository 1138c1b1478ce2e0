/** How long things may take, in milliseconds. Allowances for a busy machine, not targets. */
export interface SubnetManagerTimeouts {
  /** A whole test, without what it leaves to clean up. */
  readonly test: number;
  /** Until what a test has made is gone, also after it has failed. */
  readonly cleanup: number;
  /** Until a change has got round to everybody. */
  readonly change: number;
}

export const DEFAULT_SUBNET_MANAGER_TIMEOUTS: SubnetManagerTimeouts = { test: 60_000, cleanup: 20_000, change: 8000 };
