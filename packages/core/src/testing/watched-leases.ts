import type { Subscription } from 'rxjs';
import type { Lease, LeaseEvent } from '../lease.js';
import type { SubnetManager } from '../subnet-manager.js';

/** What a subscriber of `leases$` knows, as the contract says to keep it. */
export class WatchedLeases {
  /** Everything that was told. */
  readonly events: LeaseEvent[] = [];
  /** What holds by now, by key. */
  readonly leases = new Map<string, Lease>();
  completed = false;
  error: unknown;
  readonly #subscription: Subscription;

  constructor({ leases$ }: Pick<SubnetManager, 'leases$'>) {
    this.#subscription = leases$.subscribe({
      next: (event) => this.#take(event),
      error: (error: unknown) => (this.error = error),
      complete: () => (this.completed = true),
    });
  }

  /** The subnets by key, for comparing. */
  get subnets(): Record<string, Lease['subnets']> {
    return Object.fromEntries([...this.leases.values()].map((lease) => [lease.key, lease.subnets]));
  }

  /** How many snapshots there were. */
  get snapshots(): number {
    return this.events.filter((event) => event.type === 'snapshot').length;
  }

  stop(): void {
    this.#subscription.unsubscribe();
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
