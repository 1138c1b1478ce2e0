import type { Lease } from '../lease.js';
import { FAMILIES } from '../lease.js';
import { prefixContains } from '../address/index.js';
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

/**
 * Who says which subnet a host gets. `configuration`: one of the length and in the range that it names. `store`: whatever
 * the store has given it inside the network, as Kubernetes' podCIDRs, which begin with the network's first subnet.
 */
export type SubnetSource = 'configuration' | 'store';

/** The clock may have been set back a little since. */
const CLOCK_SLACK_MS = 60_000;

/** Why what is remembered must not be gone on with, in one phrase; undefined when it may. */
export function whyForgotten({ netConf, own, at }: Memory, now: number, source: SubnetSource): string | undefined {
  if (at > now + CLOCK_SLACK_MS) {
    return `the clock is behind: it was remembered at ${new Date(at).toISOString()}, so nobody can tell what has ended since`;
  }
  if (own.expiresAt !== undefined && own.expiresAt <= now) {
    return `this host's lease ended ${new Date(own.expiresAt).toISOString()}, and its subnet may be another's now`;
  }
  return fits(own, netConf, source) ? undefined : "this host's lease does not fit the configuration";
}

/** Whether a lease is one that the configuration provides for: all its families, no other. */
export function fits({ subnets }: Lease, netConf: NetConf, source: SubnetSource): boolean {
  return FAMILIES.every((family) => {
    const [conf, subnet] = [netConf[family], subnets[family]];
    if (conf === undefined || subnet === undefined) return conf === subnet;
    return source === 'store' ? prefixContains(conf.network, subnet) : subnetFits(conf, subnet);
  });
}
