/** How long things may take, in milliseconds. Allowances for a busy machine, not targets. */
export interface SubnetManagerTimeouts {
  /** A whole test. */
  readonly test: number;
  /** Until a change has got round to everybody. */
  readonly change: number;
}

export const DEFAULT_SUBNET_MANAGER_TIMEOUTS: SubnetManagerTimeouts = { test: 60_000, change: 8000 };
