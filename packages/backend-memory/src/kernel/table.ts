import { OverlayError } from '@overlay/core';
import type { Observable } from 'rxjs';
import { Subject } from 'rxjs';
import type { MemoryObject, MemoryRoute, MemoryTunnel } from './objects.js';
import { memoryKey } from './objects.js';

/** What happened to an object. */
export interface TableChange {
  readonly type: 'set' | 'deleted';
  readonly object: MemoryObject;
  /** Who did it; whoever did it need not be told. */
  readonly by: unknown;
}

/** What stands for the kernel of one host: its tunnels and routes. What is on a tunnel goes with it. */
export class MemoryTable {
  readonly changes$: Observable<TableChange>;
  readonly #changes = new Subject<TableChange>();
  readonly #tunnels = new Map<string, MemoryTunnel>();
  readonly #routes = new Map<string, MemoryRoute>();

  constructor() {
    this.changes$ = this.#changes.asObservable();
  }

  get tunnels(): readonly MemoryTunnel[] {
    return [...this.#tunnels.values()];
  }

  get routes(): readonly MemoryRoute[] {
    return [...this.#routes.values()];
  }

  tunnel(name: string): MemoryTunnel | undefined {
    return this.#tunnels.get(name);
  }

  /**
   * Creates an object or puts it in the place of the one with its key.
   *
   * @throws OverlayError `OVERLAY_LINK_MISSING` for a route through a tunnel that is not there.
   */
  set(object: MemoryObject, by: unknown): void {
    if (object.kind === 'memory-tunnel') {
      this.#tunnels.set(object.name, object);
    } else {
      if (!this.#tunnels.has(object.tunnel)) {
        const what = `route to ${object.destination}`;
        throw new OverlayError('OVERLAY_LINK_MISSING', `${what}: there is no tunnel ${object.tunnel}; make it first`);
      }
      this.#routes.set(memoryKey(object), object);
    }
    this.#changes.next({ type: 'set', object, by });
  }

  /** Removes the object with this one's key, if it is there. */
  delete(object: MemoryObject, by: unknown): void {
    const key = memoryKey(object);
    if (object.kind === 'memory-route') {
      const route = this.#routes.get(key);
      if (route !== undefined && this.#routes.delete(key)) this.#changes.next({ type: 'deleted', object: route, by });
      return;
    }
    const tunnel = this.#tunnels.get(key);
    if (tunnel === undefined) return;
    this.#tunnels.delete(key);
    // As with a kernel's device, nobody is told of each thing that was on it.
    for (const [at, route] of this.#routes) if (route.tunnel === key) this.#routes.delete(at);
    this.#changes.next({ type: 'deleted', object: tunnel, by });
  }
}
