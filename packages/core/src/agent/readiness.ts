/** What a host needs to carry traffic, in the order in which it is reached. */
export type ReadyCondition = 'configuration' | 'interface' | 'lease' | 'device' | 'snapshot' | 'subnet-env';

/** One thing that is missing, and why, in one line. */
export interface NotReadyReason {
  readonly condition: ReadyCondition;
  readonly message: string;
}

/** Whether a host can carry traffic. Faults of peers and a stale store are no part of that. */
export interface Readiness {
  readonly ready: boolean;
  /** Everything that is missing; empty when ready. */
  readonly reasons: readonly NotReadyReason[];
}

/** Why a condition is not met. */
export interface MissingCondition {
  readonly message: string;
  /** Whether that merely follows from another condition: no use in telling a person both. */
  readonly follows: boolean;
}

/** For each condition why it is not met; absent when it is. */
export type Missing = Partial<Record<ReadyCondition, MissingCondition>>;

const ORDER: readonly ReadyCondition[] = ['configuration', 'interface', 'lease', 'device', 'snapshot', 'subnet-env'];

/** Readiness from what is missing. */
export function readinessOf(missing: Missing): Readiness {
  const reasons = ORDER.flatMap((condition) => {
    const message = missing[condition]?.message;
    return message === undefined ? [] : [{ condition, message }];
  });
  return { ready: reasons.length === 0, reasons };
}

/** What is waited for: what is missing and does not merely follow, each as one line. */
export function waitingFor(missing: Missing): readonly string[] {
  return ORDER.flatMap((condition) => {
    const reason = missing[condition];
    return reason === undefined || reason.follows ? [] : [`${condition}: ${reason.message}`];
  });
}
