import type { Finding, NetworkState, NetworkStatus } from '../backend.js';
import type { Host } from '../host.js';
import type { Lease } from '../lease.js';
import type { HeldLease, HeldRemoval } from '../lease-table/index.js';
import type { NetConf } from '../net-conf/index.js';
import type { HeldSubnet } from './left-peers.js';
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
  /**
   * Why it cannot be taken while the agent carries traffic, in one line: it is taken when that is over, or when the agent
   * starts the next time.
   */
  readonly refused?: string;
}

/** A configuration that is being taken. */
export interface ApplyingConfiguration {
  readonly netConf: NetConf;
  /** As of {@link PendingConfiguration}. */
  readonly changes: readonly string[];
  /**
   * `opening`: peers do not know of it yet. `moving`: both networks are open and published. `retiring`: nobody needs the
   * old one any more, which is closed soon.
   */
  readonly phase: 'opening' | 'moving' | 'retiring';
  /** How far it is and what it waits for, in one line. */
  readonly progress: string;
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
  /** The newest configuration of which peers may make use. */
  readonly config?: NetConf;
  readonly pending?: PendingConfiguration;
  /** A configuration that is being taken now. The one before is in effect as well until this is over. */
  readonly applying?: ApplyingConfiguration;
  /** The host as last known; `readiness` tells whether its interface is there now. */
  readonly host?: Host;
  readonly ownLease?: Lease;
  /** Bytes of the largest packet that a pod may send: the least of two networks while both are open. */
  readonly mtu?: number;
  readonly networkState?: NetworkState;
  readonly network?: NetworkStatus;
  /** Peers that the network was given. */
  readonly peers: number;
  /** At most 100 of the leases that are not believed, or only in part, with their reasons. */
  readonly heldLeases: readonly HeldLease[];
  readonly heldLeaseCount: number;
  /**
   * At most 100 of the removals that came too many at once and wait to be confirmed: of peers, and of subnets that were in
   * place when the agent started. Times are in milliseconds since the Unix epoch.
   */
  readonly heldRemovals: readonly (HeldRemoval | HeldSubnet)[];
  readonly heldRemovalCount: number;
  /** Claims of others on what is ours: one line each. */
  readonly conflicts: readonly string[];
  /** What the backend found that will stop or harm traffic. */
  readonly findings: readonly Finding[];
  /** When the view of the leases was last known to be the store's, in milliseconds since the Unix epoch. */
  readonly confirmedAt?: number;
  /** Leases, or the own one, are what is remembered of the store, which has not confirmed them since the agent started. */
  readonly remembered?: true;
  /** With `failed`: the error, in one line. */
  readonly failure?: string;
}
