import type { Lease, LeaseEvent, SubnetManager } from '@overlay/core';

/** What a subscriber of `leases$` knows, as the contract says to keep it. */
export class WatchedLeases {
  readonly events: LeaseEvent[] = [];
  readonly leases = new Map<string, Lease>();

  constructor(manager: SubnetManager) {
    manager.leases$.subscribe((event) => this.#take(event));
  }

  get snapshots(): number {
    return this.events.filter((event) => event.type === 'snapshot').length;
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
