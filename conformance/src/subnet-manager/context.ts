import { setMaxListeners } from 'node:events';
import type {
  LeaseAttributes,
  NetConf,
  OwnLease,
  OwnLeaseState,
  PerFamily,
  Prefix,
  SubnetManager,
} from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import { firstValueFrom } from 'rxjs';
import type { ConformanceTest } from '../suite/test-record.js';
import { until } from '../suite/until.js';
import type { SubnetManagerFeature, SubnetManagerSupports } from './features.js';
import type { StoreUnderTest } from './store-under-test.js';
import type { SubnetManagerTimeouts } from './timeouts.js';

/** A test of a subnet manager. */
export type SubnetManagerTest = ConformanceTest<SubnetManagerTestContext, SubnetManagerFeature>;

/** A lease that a test has acquired, as it was then. */
export interface Held extends OwnLeaseState {
  readonly own: OwnLease;
}

const BACKEND = '"Backend":{"Type":"host-gw"}';
const IPV4 = parseNetConf(`{"Network":"10.5.0.0/16",${BACKEND}}`);
/** A configuration for each choice of families. */
export const CONFS = {
  ipv4: IPV4,
  ipv6: parseNetConf(`{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:5::/48",${BACKEND}}`),
  dual: parseNetConf(`{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:5::/48",${BACKEND}}`),
} as const;
/** Eight subnets, and not one more. */
export const EIGHT = parseNetConf(
  `{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.15.0",${BACKEND}}`,
);

/** What a test of a subnet manager works with: a store of its own. */
export class SubnetManagerTestContext {
  readonly signal: AbortSignal;
  readonly #managers: SubnetManager[] = [];

  constructor(
    readonly store: StoreUnderTest,
    readonly timeouts: SubnetManagerTimeouts,
    readonly supports: SubnetManagerSupports,
  ) {
    this.signal = new AbortController().signal;
    // Many hosts wait on it at once.
    setMaxListeners(0, this.signal);
  }

  /** A subnet manager on the store. */
  manager(netConf: NetConf = CONFS.ipv4): SubnetManager {
    const made = this.store.manager(netConf);
    this.#managers.push(made);
    return made;
  }

  /** Acquires a lease for host number `host`. */
  async acquire(
    on: SubnetManager,
    host: number,
    netConf: NetConf = CONFS.ipv4,
    wanted?: PerFamily<Prefix>,
  ): Promise<Held> {
    const request = { hostId: `host-${host}`, netConf, attributes: attributes(host, netConf), wanted };
    const own = await on.acquire(request, { signal: this.signal });
    return { own, ...(await firstValueFrom(own.state$)) };
  }

  /** Waits for a change to get round. */
  until<T>(what: string, condition: () => T | Promise<T>): Promise<Exclude<T, false | undefined | null>> {
    return until(what, this.timeouts.change, condition);
  }

  async close(): Promise<void> {
    await Promise.all(this.#managers.map((manager) => manager.close()));
    await this.store.dispose();
  }
}

/** What host number `n` publishes. */
export function attributes(n: number, netConf: NetConf): LeaseAttributes {
  return {
    backendType: 'host-gw',
    ...(netConf.ipv4 && { ipv4: { publicIP: `192.0.2.${n}`, data: { VNI: 1, n } } }),
    ...(netConf.ipv6 && { ipv6: { publicIP: `2001:db8::${n.toString(16)}` } }),
  } as unknown as LeaseAttributes;
}

/** 1, 2, … */
export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}
