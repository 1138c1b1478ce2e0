import type { Finding, NetworkState, NetworkStatus } from '../backend.js';
import type { Host } from '../host.js';
import type { Lease } from '../lease.js';
import type { HeldLease, HeldRemoval } from '../lease-table/index.js';
import type { NetConf } from '../net-conf/index.js';
import type { Readiness } from './readiness.js';

/**
 * Where an agent is in its life. `idle`: not started. `starting`: not ready yet. `ready`. `impaired`: it was ready and
 * lacks something now. `stopping`, `stopped`. `failed`: ended by an error that a person must mend.
 */
export type AgentPhase = 'idle' | 'starting' | 'ready' | 'impaired' | 'stopping' | 'stopped' | 'failed';

/** A configuration that waits to be taken because it moves traffic. */
export interface PendingConfiguration {
  readonly netConf: NetConf;
  /** What it changes, one line each. Text values of options are left out: they may be secret. */
  readonly changes: readonly string[];
}

/** An agent at a glance. */
export interface AgentStatus {
  readonly phase: AgentPhase;
  readonly hostId: string;
  readonly readiness: Readiness;
  /** What it waits for, in words: the first things missing, not what follows from their absence. */
  readonly waitingFor: readonly string[];
  /** What is not as it should be although the host can carry traffic, one line each. */
  readonly problems: readonly string[];
  /** The configuration in use. */
  readonly config?: NetConf;
  readonly pending?: PendingConfiguration;
  /** A configuration that is being taken now. */
  readonly applying?: PendingConfiguration;
  /** The host as last known; `readiness` tells whether its interface is there now. */
  readonly host?: Host;
  readonly ownLease?: Lease;
  /** Bytes of the largest packet that a pod may send. */
  readonly mtu?: number;
  readonly networkState?: NetworkState;
  readonly network?: NetworkStatus;
  /** Peers that the network was given. */
  readonly peers: number;
  /** At most 100 of the leases that are not believed, or only in part, with their reasons. */
  readonly heldLeases: readonly HeldLease[];
  readonly heldLeaseCount: number;
  /** At most 100 of the removals that came too many at once and wait to be confirmed. */
  readonly heldRemovals: readonly HeldRemoval[];
  readonly heldRemovalCount: number;
  /** Claims of others on what is ours: one line each. */
  readonly conflicts: readonly string[];
  /** What the backend found that will stop or harm traffic. */
  readonly findings: readonly Finding[];
  /** When the view of the leases was last known to be the store's, in milliseconds since the Unix epoch. */
  readonly confirmedAt?: number;
  /** With `failed`: the error, in one line. */
  readonly failure?: string;
}
