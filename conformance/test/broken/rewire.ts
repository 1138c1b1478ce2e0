// Means to make the reference backend work wrongly below its interface: between it and its host's table.
import type { MemoryKernel, MemoryObject, MemoryRoute, MemoryTunnel } from '@overlay/backend-memory';
import { memory } from '@overlay/backend-memory';
import type { Kind, KernelObject, Scope } from '@overlay/linux';
import { Reconciler } from '@overlay/linux';
import type { Factory } from './alter.js';
import { altered } from './alter.js';

/** The reference backend. */
export const good: Factory<MemoryKernel> = (kernel) => memory({ kernel });

/** The reference backend, whose kinds of objects are other ones. */
export function withKinds(alter: (kind: Kind, kernel: MemoryKernel) => Partial<Kind>): Factory<MemoryKernel> {
  return (kernel) => {
    const kinds = kernel.kinds.map((kind) => altered(kind, alter(kind, kernel)));
    // In the place of the kernel's own, which has not begun anything, so that it is closed with the kernel.
    Object.assign(kernel, { reconciler: new Reconciler({ kinds }) });
    return good(kernel);
  };
}

/** The reference backend, which wants other things, or says it otherwise. */
export function withScope(alter: (scope: Scope, kernel: MemoryKernel) => Partial<Scope>): Factory<MemoryKernel> {
  return (kernel) => {
    const { reconciler } = kernel;
    const scope = (name: string): Scope => {
      const made = reconciler.scope(name);
      return altered(made, alter(made, kernel));
    };
    return memory({ kernel: altered(kernel, { reconciler: altered(reconciler, { scope }) }) });
  };
}

/** The reference backend, which wants its objects altered; those that become undefined not at all. */
export function wants(
  alter: (object: MemoryObject, owner: string, kernel: MemoryKernel) => MemoryObject | undefined,
): Factory<MemoryKernel> {
  return withScope((scope, kernel) => ({
    set: (owner, objects, source) =>
      scope.set(
        owner,
        objects.map((object) => alter(object as MemoryObject, owner, kernel)).filter((object) => object !== undefined),
        source,
      ),
  }));
}

export function isTunnel(object: KernelObject): object is MemoryTunnel {
  return object.kind === 'memory-tunnel';
}

export function isRoute(object: KernelObject): object is MemoryRoute {
  return object.kind === 'memory-route';
}
