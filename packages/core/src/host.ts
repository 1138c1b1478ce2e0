import type { Address } from './address/index.js';
import type { PerFamily } from './lease.js';

/** The network interface that carries the overlay's traffic to other hosts. */
export interface HostInterface {
  readonly name: string;
  /** The kernel's interface index; another one after the interface was re-created. */
  readonly index: number;
  /** Bytes of the largest IP packet that it sends. */
  readonly mtu: number;
  /** True on links where neighbours are resolved (Ethernet), false on point-to-point ones (a VPN). */
  readonly broadcast: boolean;
  /**
   * False while the link has no carrier: nothing can be sent, but addresses and subnet stay as they are. Absent where it
   * is not known.
   */
  readonly running?: boolean;
}

/** The host's addresses in one family. */
export interface HostAddress {
  /** The address on the interface, from which packets leave. */
  readonly address: Address;
  /** The address that peers are told: the same, unless a public one was configured (behind NAT). */
  readonly publicIP: Address;
}

/** The host on the underlay, as it is right now. */
export interface Host extends PerFamily<HostAddress> {
  readonly interface: HostInterface;
}

/** The host, or why it cannot be told yet (no interface matches, no address). Waiting is not an error. */
export type HostState =
  { readonly host: Host; readonly waiting?: undefined } | { readonly waiting: string; readonly host?: undefined };
