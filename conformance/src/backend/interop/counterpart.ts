import type { Lease, LeaseAttributes, NetConf, PerFamily, Prefix } from '@overlay/core';
import type { LabHost } from '@overlay/lab';

/** A second implementation of a backend's type, which does on one host what the first one does on the other. */
export interface Counterpart {
  readonly type: string;
  /** What it is, for people: `iproute2, as flanneld sets it up`. */
  readonly name: string;
  /** Why it cannot be had on this machine, in one line; the test is then blocked. Undefined when it can. */
  obstacle?(): string | undefined;
  /** Sets the host up, without any peer. Gives what it publishes, and the MTU of its pods in bytes. */
  setUp(context: CounterpartContext): Promise<CounterpartPeer>;
}

export interface CounterpartContext {
  readonly host: LabHost;
  readonly netConf: NetConf;
  /** The host's own subnets. */
  readonly subnets: PerFamily<Prefix>;
  /** Bytes of the largest packet between hosts. */
  readonly mtu: number;
}

export interface CounterpartPeer {
  readonly attributes: LeaseAttributes;
  readonly mtu: number;
  /** Makes a peer reachable, from what its lease says. */
  readonly add: (lease: Lease) => Promise<void>;
}
