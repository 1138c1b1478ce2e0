import type { Lease } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import { subnetFits } from '../subnet-picker.js';

/** What a host remembers of its store. */
export interface Memory {
  readonly netConf: NetConf;
  /** The lease that this host held. */
  readonly own: Lease;
  /** All leases, the own one included. */
  readonly leases: readonly Lease[];
  /** When the store was known to say so, in milliseconds since the Unix epoch. */
  readonly at: number;
}

/** The clock may have been set back a little since. */
const CLOCK_SLACK_MS = 60_000;

/** Why what is remembered must not be gone on with, in one phrase; undefined when it may. */
export function whyForgotten({ netConf, own, at }: Memory, now: number): string | undefined {
  if (at > now + CLOCK_SLACK_MS) {
    return `the clock is behind: it was remembered at ${new Date(at).toISOString()}, so nobody can tell what has ended since`;
  }
  if (own.expiresAt !== undefined && own.expiresAt <= now) {
    return `this host's lease ended ${new Date(own.expiresAt).toISOString()}, and its subnet may be another's now`;
  }
  return fits(own, netConf) ? undefined : "this host's lease does not fit the configuration";
}

/** Whether a lease is one that the configuration provides for: all its families, no other. */
export function fits({ subnets }: Lease, netConf: NetConf): boolean {
  return FAMILIES.every((family) => {
    const [conf, subnet] = [netConf[family], subnets[family]];
    return conf === undefined || subnet === undefined ? conf === subnet : subnetFits(conf, subnet);
  });
}
