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

/** For each condition why it is not met; absent when it is. */
export type Missing = Partial<Record<ReadyCondition, string>>;

const ORDER: readonly ReadyCondition[] = ['configuration', 'interface', 'lease', 'device', 'snapshot', 'subnet-env'];

/** What follows from the absence of what: no use in telling a person both. */
const CONSEQUENCES: Partial<Record<ReadyCondition, readonly ReadyCondition[]>> = {
  configuration: ['lease', 'device', 'snapshot', 'subnet-env'],
  interface: ['lease', 'device', 'snapshot', 'subnet-env'],
  lease: ['device', 'snapshot', 'subnet-env'],
  device: ['subnet-env'],
  snapshot: ['subnet-env'],
};

/** Readiness from what is missing. */
export function readinessOf(missing: Missing): Readiness {
  const reasons: NotReadyReason[] = [];
  for (const condition of ORDER) {
    const message = missing[condition];
    if (message !== undefined) reasons.push({ condition, message });
  }
  return { ready: reasons.length === 0, reasons };
}

/** The reasons that do not merely follow from another one, each as one line. */
export function waitingFor({ reasons }: Readiness): readonly string[] {
  const following = new Set(reasons.flatMap(({ condition }) => CONSEQUENCES[condition] ?? []));
  return reasons
    .filter(({ condition }) => !following.has(condition))
    .map(({ condition, message }) => `${condition}: ${message}`);
}
