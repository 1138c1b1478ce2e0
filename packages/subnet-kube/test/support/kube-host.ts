import type {
  AcquireRequest,
  Lease,
  LeaseAttributes,
  LeaseEvent,
  Logger,
  NetConf,
  OwnLease,
  OwnLeaseState,
} from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import type { KubeSubnetManagerOptions } from '@overlay/subnet-kube';
import { KubeSubnetManager } from '@overlay/subnet-kube';
import type { KubeServer } from './kube-server.js';
import { until } from '@overlay/core/testing';

export const IPV4 = parseNetConf('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}');
export const DUAL = parseNetConf(
  '{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan"}}',
);
export const IPV6 = parseNetConf(
  '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"host-gw"}}',
);

/** What host number `n` publishes. */
export function attributesOf(n: number, netConf: NetConf = IPV4): LeaseAttributes {
  const mac = `0a:00:00:00:00:${n.toString(16).padStart(2, '0')}`;
  return {
    backendType: netConf.backend.type,
    ...(netConf.ipv4 && { ipv4: { publicIP: `192.0.2.${n}`, data: { VNI: 1, VtepMAC: mac } } }),
    ...(netConf.ipv6 && { ipv6: { publicIP: `2001:db8::${n}`, data: { VNI: 1, VtepMAC: mac } } }),
  } as unknown as LeaseAttributes;
}

/** A logger that keeps what it is told. */
export function recordingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (message: string): void =>
      void lines.push(`${level} ${message}`);
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
}

/** One host: its manager, what it sees of all leases, and the states of its own. */
export class KubeHost {
  readonly manager: KubeSubnetManager;
  readonly leases = new Map<string, Lease>();
  readonly events: LeaseEvent[] = [];
  readonly states: OwnLeaseState[] = [];
  readonly waits: string[] = [];
  readonly logger = recordingLogger();
  own: OwnLease | undefined;

  constructor(
    server: KubeServer,
    readonly name: string,
    options: Partial<KubeSubnetManagerOptions> = {},
    readonly netConf: NetConf = IPV4,
  ) {
    const access = options.apiUrl === undefined && options.kubeconfigFile === undefined;
    this.manager = new KubeSubnetManager({
      node: { name },
      netConf,
      logger: this.logger,
      ...(access && { kubeconfigFile: server.kubeconfig('admin') }),
      ...options,
    } as KubeSubnetManagerOptions);
  }

  /** Begins to follow all leases. */
  watch(): this {
    this.manager.leases$.subscribe((event) => this.#take(event));
    return this;
  }

  /** The own lease as it was told last. */
  get state(): OwnLeaseState {
    const state = this.states.at(-1);
    if (state === undefined) throw new Error(`${this.name} has no lease`);
    return state;
  }

  get snapshots(): number {
    return this.events.filter(({ type }) => type === 'snapshot').length;
  }

  get warnings(): string[] {
    return this.logger.lines.filter((line) => line.startsWith('warn'));
  }

  async acquire(request: Partial<AcquireRequest> = {}, signal = new AbortController().signal): Promise<this> {
    const full = { hostId: this.name, netConf: this.netConf, attributes: attributesOf(1, this.netConf), ...request };
    this.own = await this.manager.acquire(full, { signal, waiting: (reason) => void this.waits.push(reason) });
    this.own.state$.subscribe((state) => this.states.push(state));
    return this;
  }

  /** Waits until something holds; fails with what was logged. */
  async until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
    await until(`${this.name}: ${what}`, holds, withinMs).catch((error: unknown) => {
      const seen = JSON.stringify([...this.leases.values()]).slice(0, 2_000);
      throw new Error(
        `${String(error)}; it sees ${seen}; ${JSON.stringify(this.states.at(-1))}\n${this.logger.lines.join('\n')}`,
      );
    });
  }

  /** Waits until it sees exactly the leases of these Nodes. */
  sees(...names: readonly string[]): Promise<void> {
    const wanted = JSON.stringify([...names].sort());
    return this.until(`sees ${wanted}`, () => JSON.stringify([...this.leases.keys()].sort()) === wanted);
  }

  problem(text: RegExp): Promise<void> {
    return this.until(`a problem like ${String(text)}`, () => text.test(this.state.problem ?? ''));
  }

  noProblem(): Promise<void> {
    return this.until('no problem', () => this.state.problem === undefined);
  }

  #take(event: LeaseEvent): void {
    this.events.push(event);
    if (event.type === 'snapshot') {
      this.leases.clear();
      for (const lease of event.leases) this.leases.set(lease.key, lease);
      return;
    }
    for (const change of event.changes) {
      if (change.type === 'set') this.leases.set(change.lease.key, change.lease);
      else this.leases.delete(change.key);
    }
  }
}
