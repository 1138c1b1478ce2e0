import { LocalSubnetManager } from '@overlay/subnet-local';
import type { LocalStoreOptions } from '@overlay/subnet-local';
import type { LeaseAttributes, NetConf, OwnLease, OwnLeaseState } from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import { RecordingLogger, WatchedLeases, until } from '@overlay/core/testing';

export const IPV4 = parseNetConf('{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}');
export const DUAL = parseNetConf(
  '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"host-gw"}}',
);

/** What host number `n` publishes. */
export function attributesOf(n: number): LeaseAttributes {
  return { backendType: 'host-gw', ipv4: { publicIP: `192.0.2.${n}` } } as unknown as LeaseAttributes;
}

/** One host on a directory: its manager, what it sees of all leases, and the states of its own. */
export class LocalHost {
  readonly manager: LocalSubnetManager;
  readonly watched: WatchedLeases;
  readonly states: OwnLeaseState[] = [];
  readonly logger = new RecordingLogger();
  own: OwnLease | undefined;

  constructor(
    directory: string,
    readonly n: number,
    readonly netConf: NetConf = IPV4,
    options: Partial<LocalStoreOptions> = {},
  ) {
    this.manager = new LocalSubnetManager({ logger: this.logger, ...options, directory, netConf });
    this.watched = new WatchedLeases(this.manager);
  }

  get hostId(): string {
    return `host-${this.n}`;
  }

  /** The own lease as it was told last. */
  get state(): OwnLeaseState {
    const state = this.states.at(-1);
    if (state === undefined) throw new Error(`${this.hostId} has no lease`);
    return state;
  }

  /** The name of the own lease's file, for IPv4 alone. */
  get file(): string {
    return String(this.state.lease.subnets.ipv4).replace('/', '-');
  }

  async acquire(signal = new AbortController().signal): Promise<this> {
    const request = { hostId: this.hostId, netConf: this.netConf, attributes: attributesOf(this.n) };
    this.own = await this.manager.acquire(request, { signal });
    this.own.state$.subscribe((state) => this.states.push(state));
    return this;
  }

  /** Waits until this host sees the leases of exactly these hosts. */
  sees(...hosts: readonly number[]): Promise<true> {
    const wanted = hosts.map((n) => `host-${n}`).sort();
    return until(`${this.hostId} sees ${wanted.join(', ')}`, () => {
      return JSON.stringify([...this.watched.leases.keys()].sort()) === JSON.stringify(wanted);
    });
  }

  problem(text: RegExp): Promise<true> {
    return until(`${this.hostId} shows a problem like ${String(text)}`, () => text.test(this.state.problem ?? ''));
  }

  noProblem(): Promise<true> {
    return until(`${this.hostId} shows no problem`, () => this.state.problem === undefined);
  }
}
