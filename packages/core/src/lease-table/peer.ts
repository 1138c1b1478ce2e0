import type { Lease, PerFamily } from '../lease.js';

/** What a lease may not have because another accepted one has it. */
export interface Conflict {
  readonly rule: 'overlap' | 'contains-address' | 'inside-subnet' | 'claim';
  /** What the other one has: a subnet, a public IP or a claim. */
  readonly kind: 'subnet' | 'address' | 'claim';
  readonly id: string;
}

/** Why a lease is held. Texts are final; a conflict is put into words when somebody asks, because its owner changes. */
export interface Hold extends PerFamily<string | Conflict> {
  readonly problem?: string;
}

/** One array for all that claim nothing. */
export const NO_CLAIMS: readonly string[] = [];

/** One key of the store, as the table knows it. */
export class Peer {
  /** What the store says now; undefined when it has the key no more. */
  lease: Lease | undefined;
  /** What the network is to have: the same object as `lease` in all but odd cases. */
  passed: Lease | undefined;
  /** What the network was last told. */
  reported: Lease | undefined;
  /** What `passed` claims. */
  claims: readonly string[] = NO_CLAIMS;
  hold: Hold | undefined;
  /** Grows with every version that comes: of two in conflict, neither accepted, the lower one goes first. */
  order = 0;
  /** The last snapshot in which it was. */
  round = 0;
  /** The last call that found it changed. */
  batch = 0;

  constructor(readonly key: string) {}
}
