import type { AcquireRequest, LeaseAttributes, NetConf, OwnLease, OwnLeaseState } from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import type { EtcdSubnetManagerOptions } from '@overlay/subnet-etcd';
import { EtcdSubnetManager } from '@overlay/subnet-etcd';
import { RecordingLogger, WatchedLeases, until } from '@overlay/core/testing';
import type { EtcdServer } from './etcd-server.js';

export const PREFIX = '/coreos.com/network';
export const SUBNETS = `${PREFIX}/subnets/`;
export const HOSTS = `${PREFIX}/overlay/hosts/`;

export const IPV4 = parseNetConf('{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}');
export const DUAL = parseNetConf(
  '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"host-gw"}}',
);
export const IPV6 = parseNetConf(
  '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"host-gw"}}',
);

/** What host number `n` publishes. */
export function attributesOf(n: number, families: Pick<NetConf, 'ipv4' | 'ipv6'> = IPV4): LeaseAttributes {
  return {
    backendType: 'host-gw',
    ...(families.ipv4 && { ipv4: { publicIP: `192.0.2.${n}` } }),
    ...(families.ipv6 && { ipv6: { publicIP: `2001:db8::${n}` } }),
  } as unknown as LeaseAttributes;
}

/** One host: its manager, what it sees of all leases, and the states of its own. */
export class EtcdHost {
  readonly manager: EtcdSubnetManager;
  readonly watched: WatchedLeases;
  readonly states: OwnLeaseState[] = [];
  readonly logger = new RecordingLogger();
  own: OwnLease | undefined;

  constructor(
    server: Pick<EtcdServer, 'urls'>,
    readonly n: number,
    options: Partial<EtcdSubnetManagerOptions> = {},
    readonly netConf: NetConf = IPV4,
  ) {
    this.manager = new EtcdSubnetManager({ endpoints: server.urls, logger: this.logger, ...options });
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

  /** The key of the own lease, for IPv4 alone. */
  get key(): string {
    return SUBNETS + String(this.state.lease.subnets.ipv4).replace('/', '-');
  }

  get warnings(): string[] {
    return this.logger.lines.filter((line) => line.startsWith('warn'));
  }

  async acquire(request: Partial<AcquireRequest> = {}, signal = new AbortController().signal): Promise<this> {
    const { hostId, netConf } = this;
    const attributes = attributesOf(this.n, netConf);
    this.own = await this.manager.acquire({ hostId, netConf, attributes, ...request }, { signal });
    this.own.state$.subscribe((state) => this.states.push(state));
    return this;
  }

  /** Waits until this host sees exactly these leases. */
  sees(...keys: readonly string[]): Promise<true> {
    const wanted = JSON.stringify([...keys].sort());
    return until(
      `${this.hostId} sees ${wanted}`,
      () => JSON.stringify([...this.watched.leases.keys()].sort()) === wanted,
      20_000,
    ).catch((error: unknown) => {
      throw new Error(
        `${String(error)}, but ${JSON.stringify([...this.watched.leases.keys()])}\n${this.logger.lines.join('\n')}`,
      );
    });
  }

  problem(text: RegExp): Promise<true> {
    return until(`${this.hostId} shows a problem like ${String(text)}`, () =>
      text.test(this.state.problem ?? ''),
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}, but ${this.state.problem ?? 'none'}\n${this.logger.lines.join('\n')}`);
    });
  }

  noProblem(): Promise<true> {
    return until(`${this.hostId} shows no problem`, () => this.state.problem === undefined);
  }
}
