import type { Observable } from 'rxjs';
import type { BackendFactory } from '../backend.js';
import type { HostState } from '../host.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import type { Metrics } from '../ports/metrics.js';
import type { SubnetEnv, SubnetEnvReading } from '../subnet-env.js';
import type { SubnetManager } from '../subnet-manager.js';
import type { FindPodInterfaces } from './pod-mtu.js';

/** The `subnet.env` through which other programs of the host learn its subnets and MTU. */
export interface SubnetFile {
  /** What it says now; undefined when there is none or it cannot be used. */
  read(options: { readonly signal: AbortSignal }): Promise<SubnetEnvReading | undefined>;
  /** Replaces it as a whole: a reader sees the old or the new text, nothing between. */
  write(content: SubnetEnv, options: { readonly signal: AbortSignal }): Promise<void>;
}

/**
 * Where an agent remembers, over restarts of its own, which configurations were in effect. The text is the agent's
 * business; it may hold secrets of the configuration.
 */
export interface StateFile {
  /** The text; undefined when there is none. */
  read(options: { readonly signal: AbortSignal }): Promise<string | undefined>;
  /** Replaces the text as a whole, so that it is there after a power cut too: the old one or the new one. */
  write(text: string, options: { readonly signal: AbortSignal }): Promise<void>;
}

/**
 * What an {@link Agent} is put together from. The parts given belong to the caller: the agent stops using them when it
 * stops, and does not close the subnet manager, which several agents may share.
 */
export interface AgentOptions {
  /** Who this host is: the same after a reboot, on no other host. */
  readonly hostId: string;
  readonly subnetManager: SubnetManager;
  /** The kinds of backend that the configuration may choose from. */
  readonly backends: readonly BackendFactory[];
  /** The host on the underlay: its state now, then each different one. */
  readonly host$: Observable<HostState>;
  /** Where the host's subnets and MTU are written. Without one, being ready does not need it. */
  readonly subnetFile?: SubnetFile;
  /**
   * Where the configurations in effect are remembered. Without it an agent that starts with another configuration than
   * before, or in the midst of a change, cannot know, and packets may be lost until its peers have followed.
   */
  readonly stateFile?: StateFile;
  /** Finds pods that have too large an MTU. Without it the status only tells that the MTU was lowered. */
  readonly podInterfaces?: FindPodInterfaces;
  /** What `FLANNEL_IPMASQ` says: whether somebody masquerades what leaves the network. False unless told. */
  readonly ipMasq?: boolean;
  /** Milliseconds for which a doubted removal of many peers is held. 60,000 unless told; 0 doubts nothing. */
  readonly holdMs?: number;
  /** The part of the peers, from 0 to 1, that may vanish at once without doubt. 0.2 unless told. */
  readonly doubtFraction?: number;
  /**
   * What to do with a change of configuration that moves traffic: `pending` (the default) shows it and waits for
   * {@link Agent.applyPending} or a restart, so that not every host moves in one second; `now` takes it at once.
   */
  readonly applyChanges?: 'pending' | 'now';
  /**
   * Milliseconds for which the network of the configuration before stays open when no peer needs it any more: 10,000
   * unless told. Within this time every peer must have taken in what was published before.
   */
  readonly retireMs?: number;
  /**
   * What a wrong first configuration means: `fatal` (the default) where it comes from a file of this host and a person
   * must mend it; `wait` where it comes from a store, in which it may be mended at any time.
   */
  readonly wrongConfig?: 'fatal' | 'wait';
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
  /** Numbers from 0 up to, not including, 1, which spread retries. `Math.random` unless told. */
  readonly random?: () => number;
}
