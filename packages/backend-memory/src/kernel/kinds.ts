import { OverlayError } from '@overlay/core';
import type { Kind, KindSink, Outcome } from '@overlay/linux';
import type { MemoryFaults } from './faults.js';
import type { MemoryObject, MemoryRoute, MemoryTunnel } from './objects.js';
import { memoryKey, sameMemoryObject } from './objects.js';
import type { MemoryTable, TableChange } from './table.js';

/** The table of a host as one process has it. */
export interface TableAccess {
  readonly table: MemoryTable;
  readonly faults: MemoryFaults;
  /** Counts an object that was handed to the table. */
  readonly wrote: () => void;
}

/** Lets others have their turn, as anything does that asks a kernel. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function eachOf<D extends MemoryObject>(
  { faults, wrote }: TableAccess,
  objects: readonly D[],
  act: (object: D) => void,
): Promise<readonly Outcome[]> {
  await turn();
  return objects.map((object) => {
    wrote();
    const what = `${object.kind} ${memoryKey(object)}`;
    if (faults.refuses()) return new OverlayError('OVERLAY_MEMORY_REFUSED', `${what}: refused; it will be tried again`);
    try {
      act(object);
      return undefined;
    } catch (error) {
      return error as OverlayError;
    }
  });
}

function kind<D extends MemoryObject>(
  access: TableAccess,
  own: Pick<Kind<D>, 'name' | 'rank' | 'link'> & {
    readonly all: () => readonly D[];
    readonly hear: (sink: KindSink<D>, change: TableChange) => void;
  },
): Kind<D> {
  const { table, faults } = access;
  const { all, hear, ...rest } = own;
  return {
    ...rest,
    key: memoryKey,
    same: sameMemoryObject,
    satisfies: sameMemoryObject,
    dump: async ({ link }, each) => {
      await turn();
      faults.throwIfSevered();
      for (const object of all()) if (link === undefined || rest.link?.(object) === link) each(object);
    },
    put: (wanted) => eachOf(access, wanted, (object) => table.set(object, access)),
    remove: (objects) => eachOf(access, objects, (object) => table.delete(object, access)),
    watch: (sink) => {
      const subscription = table.changes$.subscribe((change) => {
        if (faults.severed) return;
        if (faults.loses()) sink.lost();
        // Of what it does itself a process knows; but what a tunnel takes with it is to be told to those on it.
        else if (change.by !== access || change.object.kind === 'memory-tunnel') hear(sink, change);
      });
      return () => subscription.unsubscribe();
    },
  };
}

/** Tunnels, which come before the routes through them. */
export function tunnelKind(access: TableAccess): Kind<MemoryTunnel> {
  return kind<MemoryTunnel>(access, {
    name: 'memory-tunnel',
    rank: 1,
    all: () => access.table.tunnels,
    hear: (sink, { type, object, by }) => {
      if (object.kind !== 'memory-tunnel' || by === access) return;
      if (type === 'set') sink.changed(object);
      else sink.deleted(object);
    },
  });
}

export function routeKind(access: TableAccess): Kind<MemoryRoute> {
  return kind<MemoryRoute>(access, {
    name: 'memory-route',
    rank: 2,
    link: ({ tunnel }) => tunnel,
    all: () => access.table.routes,
    hear: (sink, { type, object }) => {
      if (object.kind === 'memory-tunnel') {
        if (type === 'set') sink.linkAppeared(object.name);
        else sink.linkGone(object.name);
      } else if (type === 'set') sink.changed(object);
      else sink.deleted(object);
    },
  });
}
