import type { HostRecord, Agent } from '../store/host-record.js';
import { speaksOf } from '../store/host-record.js';
import type { LeaseRecord } from '../store/lease-record.js';

/** What a host believes that it holds. */
export interface Belief {
  readonly hostId: string;
  readonly agent: Agent;
  readonly name: string;
  /** Flannel's value. */
  readonly text: string;
  /** The etcd lease, 0 for a reservation. */
  readonly lease: bigint;
}

/** What is in etcd about it. */
export interface Finding {
  readonly record: LeaseRecord | undefined;
  readonly host: HostRecord | undefined;
  /** Other hosts that say they hold it. */
  readonly others: readonly HostRecord[];
}

/** How the two go together. */
export type Verdict =
  /** It is ours; `lease` is the one that it is with now. */
  | { readonly kind: 'own'; readonly lease: bigint }
  /** It is gone. */
  | { readonly kind: 'absent' }
  /** Another agent with our identity has it. */
  | { readonly kind: 'namesake'; readonly host: HostRecord }
  /** Another host has taken it and says so. */
  | { readonly kind: 'taken'; readonly by: HostRecord }
  /** Somebody who leaves no record, such as flanneld, has written something else there. */
  | { readonly kind: 'rewritten'; readonly record: LeaseRecord };

/**
 * Whether a lease is still ours. Nothing that a living host may stand behind is ever taken for ours again: two that each
 * restore their own would write for ever.
 */
export function judge(belief: Belief, { record, host, others }: Finding): Verdict {
  const { agent, lease } = belief;
  // One that began earlier is of a run of ours that is over, as in a backup that was restored.
  if (host !== undefined && host.agent !== agent.agent && host.since >= agent.since) return { kind: 'namesake', host };
  if (record === undefined) return { kind: 'absent' };
  const taker = others.find((other) => other.lease === record.lease && speaksOf(other, record));
  const wroteIt = host !== undefined && host.name === record.name && host.lease === record.lease;
  if (record.lease !== 0n) {
    if (record.lease === lease || wroteIt) return { kind: 'own', lease: record.lease };
    if (taker !== undefined) return { kind: 'taken', by: taker };
    // The same value with another etcd lease: a flanneld on this host has renewed it, before it was stopped.
    return record.text === belief.text ? { kind: 'own', lease: record.lease } : { kind: 'rewritten', record };
  }
  // Reservations all have the same etcd lease, none. The last host to say that one is its own holds it.
  if (taker !== undefined && taker.modRevision > (host?.modRevision ?? 0)) return { kind: 'taken', by: taker };
  if (wroteIt || record.text === belief.text) return { kind: 'own', lease: 0n };
  // A person who writes the key by hand makes a reservation of it; whose, the address says.
  const sameHost = host !== undefined && speaksOf(host, record);
  return sameHost ? { kind: 'own', lease: 0n } : { kind: 'rewritten', record };
}
