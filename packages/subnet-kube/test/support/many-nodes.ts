import type {
  AcquireOptions,
  AcquireRequest,
  ConfigEvent,
  Lease,
  LeaseEvent,
  NetConf,
  OwnLease,
  SubnetManager,
} from '@overlay/core';
import { KubeSubnetManager } from '@overlay/subnet-kube';
import type { Observable } from 'rxjs';
import type { KubeServer } from './kube-server.js';
import { createNode } from './nodes.js';

/**
 * The subnet managers of several Nodes as one, since the general tests ask one manager for the leases of several hosts.
 * Each host is a Node, made when it asks for a lease, with the next podCIDR.
 */
export class OneManager implements SubnetManager {
  readonly #first: KubeSubnetManager;
  readonly #managers = new Map<string, KubeSubnetManager>();
  readonly config$: Observable<ConfigEvent>;
  readonly leases$: Observable<LeaseEvent>;
  #closed: Promise<void> | undefined;

  constructor(
    private readonly server: KubeServer,
    private readonly netConf: NetConf,
    private readonly subnets: { next: number },
  ) {
    this.#first = this.#make('observer');
    this.config$ = this.#first.config$;
    this.leases$ = this.#first.leases$;
  }

  previous(hostId: string, options: { readonly signal: AbortSignal }): Promise<Lease | undefined> {
    return this.#of(hostId).previous(hostId, options);
  }

  async acquire(request: AcquireRequest, options: AcquireOptions): Promise<OwnLease> {
    const manager = this.#of(request.hostId);
    if (this.#closed === undefined) await this.#create(request.hostId);
    return await manager.acquire(request, options);
  }

  resync(): void {
    this.#first.resync();
  }

  confirmedAt(): number | undefined {
    const told = [this.#first, ...this.#managers.values()].flatMap((manager) => manager.confirmedAt() ?? []);
    return told.length === 0 ? undefined : Math.max(...told);
  }

  close(): Promise<void> {
    this.#closed ??= Promise.all([this.#first, ...this.#managers.values()].map((manager) => manager.close())).then(
      () => undefined,
    );
    return this.#closed;
  }

  #of(hostId: string): KubeSubnetManager {
    let manager = this.#managers.get(hostId);
    if (manager === undefined) {
      manager = this.#make(hostId);
      this.#managers.set(hostId, manager);
      if (this.#closed !== undefined) void manager.close();
    }
    return manager;
  }

  #make(name: string): KubeSubnetManager {
    const { server, netConf } = this;
    return new KubeSubnetManager({ kubeconfigFile: server.kubeconfig('admin'), node: { name }, netConf });
  }

  /** Both families: a Node keeps what it was given. */
  async #create(name: string): Promise<void> {
    const at = this.subnets.next++;
    const podCIDRs = [`10.5.${at}.0/24`, `fd00:5:0:${at.toString(16)}::/64`];
    await createNode(this.server, name, { podCIDRs }).catch((error: unknown) => {
      if (!String(error).includes('AlreadyExists')) throw error;
    });
  }
}
