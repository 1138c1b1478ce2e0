import type { LeaseUpdate, Network, NetworkState, NetworkStatus } from '@overlay/core';
import type { DeclarativeNetwork } from '@overlay/linux';
import type { Observable } from 'rxjs';
import type { DataPath, DataPathStatus, OpenDataPath } from './data-path.js';

/** The status of a UDP network: with what its data path tells. */
export interface UdpNetworkStatus extends NetworkStatus {
  readonly dataPath: DataPathStatus & { readonly name: DataPath['name'] };
}

/** A network and the data path that carries its packets. */
export class UdpNetwork implements Network {
  readonly state$: Observable<NetworkState>;
  readonly reachChanges$: Observable<readonly string[]>;

  constructor(
    private readonly network: DeclarativeNetwork,
    private readonly name: DataPath['name'],
    private readonly path: OpenDataPath,
    private readonly onClose: () => void,
  ) {
    this.state$ = network.state$;
    this.reachChanges$ = network.reachChanges$;
  }

  apply(update: LeaseUpdate): void {
    this.network.apply(update);
  }

  settled(options: { readonly signal: AbortSignal }): Promise<void> {
    return this.network.settled(options);
  }

  reaches(peer: string): boolean {
    return this.network.reaches(peer);
  }

  status(): UdpNetworkStatus {
    const status = this.network.status();
    const dataPath = { name: this.name, ...this.path.status() };
    const told = dataPath.findings.map(({ message, remedy }) => ({ message: `${message}; ${remedy}` }));
    return { ...status, problems: [...status.problems, ...told], dataPath };
  }

  async close(options?: { readonly remove?: boolean }): Promise<void> {
    await this.network.close(options);
    this.onClose();
    await this.path.close();
  }
}
