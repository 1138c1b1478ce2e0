import { BehaviorSubject, map, merge, Observable, Subject, takeUntil } from 'rxjs';
import type {
  AttributesContext,
  Backend,
  BackendFactory,
  BackendInit,
  BackendSupports,
  Finding,
  Host,
  Lease,
  LeaseAttributes,
  LeaseUpdate,
  Network,
  NetworkState,
  NetworkStatus,
  OpenContext,
} from '@overlay/core';
import { FAMILIES, OverlayError } from '@overlay/core';
import { deferred } from './deferred.js';

const SUPPORTS: BackendSupports = {
  ipv4: true,
  ipv6: true,
  dualStack: true,
  crossesSubnets: true,
  encryption: false,
  survivesAgent: true,
  flannelInterop: false,
};

/** A network in memory: remembers what it was told. */
export class FakeNetwork implements Network {
  readonly state$: BehaviorSubject<NetworkState>;
  readonly peers = new Map<string, Lease>();
  readonly updates: LeaseUpdate[] = [];
  readonly leases: Lease[] = [];
  readonly hosts: Host[] = [];
  closed = false;
  removed = false;
  /** Peers that it says it does not reach. */
  readonly unreached = new Set<string>();
  readonly reachChanges$ = new Subject<readonly string[]>();
  #closing = new Subject<void>();

  constructor(
    readonly backend: FakeBackend,
    readonly context: OpenContext,
  ) {
    const { lease$, host$ } = context;
    const { phase, mtu } = backend.control;
    this.state$ = new BehaviorSubject<NetworkState>({ phase, mtu });
    lease$.pipe(takeUntil(this.#closing)).subscribe((lease) => this.leases.push(lease));
    host$.pipe(takeUntil(this.#closing)).subscribe((host) => this.hosts.push(host));
  }

  apply(update: LeaseUpdate): void {
    this.backend.control.log.push(`apply ${update.type}`);
    this.updates.push(update);
    if (update.type === 'snapshot') {
      this.peers.clear();
      for (const lease of update.leases) this.peers.set(lease.key, lease);
    } else {
      for (const key of update.deleted) this.peers.delete(key);
      for (const lease of update.set) this.peers.set(lease.key, lease);
    }
    this.backend.control.onChange?.(this);
  }

  reaches(key: string): boolean {
    return this.peers.has(key) && !this.unreached.has(key);
  }

  async settled(): Promise<void> {
    await this.backend.control.settled?.();
    this.backend.control.log.push('settled');
  }

  status(): NetworkStatus {
    return { peers: this.peers.size, objects: this.peers.size, pending: 0, failed: 0, problems: [] };
  }

  async close({ remove = false }: { readonly remove?: boolean } = {}): Promise<void> {
    if (!this.closed) this.removed = remove;
    this.backend.control.log.push(`close ${this.backend.type}`);
    this.#closing.next();
    this.closed = true;
    this.state$.complete();
    this.backend.control.onChange?.(this);
    await this.backend.control.closing?.();
  }
}

export class FakeBackend implements Backend {
  readonly type: string;
  readonly supports = SUPPORTS;
  readonly endpointId: string;
  readonly init: BackendInit;
  previous: Lease | undefined;

  constructor(
    readonly control: FakeBackendControl,
    type: string,
    init: BackendInit,
  ) {
    this.type = type;
    this.init = init;
    const vni = init.netConf.backend.options['VNI'];
    this.endpointId = typeof vni === 'number' ? `${type}/${vni}` : type;
  }

  understands({ backendType, ipv4 }: LeaseAttributes): boolean {
    const [first] = typeof ipv4?.data === 'string' ? ipv4.data.split(' ') : [''];
    return this.endpointId === (first.startsWith(`${backendType}/`) ? first : backendType);
  }

  whyNotBeside(other: Backend): string | undefined {
    return [this.type, other.type].includes('alone') ? 'there can be only one' : undefined;
  }

  overhead(): number {
    return 50;
  }

  async preflight(): Promise<readonly Finding[]> {
    return this.control.findings;
  }

  claims({ attributes }: Lease): readonly string[] {
    return FAMILIES.flatMap((family) => attributes[family]?.data ?? []).map((data) => `tag:${JSON.stringify(data)}`);
  }

  attributes$({ host$, previous }: AttributesContext): Observable<LeaseAttributes> {
    this.previous = previous;
    const { control } = this;
    control.log.push(`attributes ${this.type}`);
    if (control.attributesFailures > 0) {
      control.attributesFailures--;
      return new Observable((subscriber) => subscriber.error(new Error('no key yet')));
    }
    const fromHost = host$.pipe(map((host) => this.#attributes(host)));
    return merge(fromHost, control.attributes$);
  }

  #attributes(host: Host): LeaseAttributes {
    const attributes = attributesOf(this.type, host);
    if (this.endpointId === this.type || attributes.ipv4 === undefined) return attributes;
    return { ...attributes, ipv4: { ...attributes.ipv4, data: `${this.endpointId} ${attributes.ipv4.publicIP}` } };
  }

  async open(context: OpenContext): Promise<FakeNetwork> {
    const { control } = this;
    control.log.push(`open ${this.type}`);
    if (control.openFailures > 0) {
      control.openFailures--;
      throw new OverlayError('OVERLAY_NETLINK', 'making the device: operation not permitted');
    }
    await control.opening?.();
    const network = new FakeNetwork(this, context);
    control.networks.push(network);
    return network;
  }
}

/** What a test sets and sees of all backends of an agent. */
export class FakeBackendControl {
  readonly log: string[] = [];
  readonly networks: FakeNetwork[] = [];
  readonly attributes$ = new Subject<LeaseAttributes>();
  phase: NetworkState['phase'] = 'ready';
  mtu = 1450;
  attributesFailures = 0;
  openFailures = 0;
  findings: readonly Finding[] = [];
  opening: (() => Promise<void>) | undefined;
  settled: (() => Promise<void>) | undefined;
  closing: (() => Promise<void>) | undefined;
  /** A network was told of peers, or closed. */
  onChange: ((network: FakeNetwork) => void) | undefined;

  get network(): FakeNetwork {
    const network = this.networks.at(-1);
    if (network === undefined) throw new Error('no network was opened');
    return network;
  }

  factory(type: string, supports: Partial<BackendSupports> = {}): BackendFactory {
    return {
      type,
      supports: { ...SUPPORTS, ...supports },
      create: (init) => {
        this.log.push(`create ${type}`);
        if (init.netConf.backend.options['VNI'] === 'wrong') {
          throw new OverlayError('OVERLAY_CONFIG_INVALID', 'Backend.VNI: expected an integer, got "wrong"', {
            key: 'Backend.VNI',
          });
        }
        return new FakeBackend(this, type, init);
      },
    };
  }
}

export function attributesOf(backendType: string, host: Host): LeaseAttributes {
  return {
    backendType,
    ...(host.ipv4 && { ipv4: { publicIP: host.ipv4.publicIP } }),
    ...(host.ipv6 && { ipv6: { publicIP: host.ipv6.publicIP } }),
  };
}

/** A step that goes on only when the test says so. */
export function gate(): { wait: () => Promise<void>; open: () => void } {
  const { promise, resolve } = deferred<void>();
  return { wait: () => promise, open: () => resolve() };
}
