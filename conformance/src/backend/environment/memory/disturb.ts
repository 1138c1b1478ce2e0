import type { MemoryObject, MemoryTable, MemoryTunnel } from '@overlay/backend-memory';
import { memoryKey } from '@overlay/backend-memory';
import type { Disturbance } from '../environment.js';
import type { View } from '../view.js';

const SOMEBODY = 'somebody-else';

/** Does it to the objects of a view that the table has. False when there are none of the sort. */
export function disturb(table: MemoryTable, what: Disturbance, own: View): boolean {
  const isOwn = (object: MemoryObject): boolean =>
    own.items.some(({ key }) => key === `${object.kind} ${memoryKey(object)}`);
  const routes = table.routes.filter(isOwn);
  const tunnels = table.tunnels.filter(isOwn);
  const remove = (objects: readonly MemoryObject[]): boolean => {
    for (const object of objects) table.delete(object, SOMEBODY);
    return objects.length > 0;
  };
  const change = (members: Partial<MemoryTunnel>): boolean => {
    for (const tunnel of tunnels) table.set({ ...tunnel, ...members }, SOMEBODY);
    return tunnels.length > 0;
  };
  switch (what) {
    case 'route-deleted':
      return remove(routes.slice(0, 1));
    case 'routes-flushed':
      return remove(routes);
    case 'device-deleted':
      return remove(tunnels);
    case 'device-down':
      return change({ up: false });
    case 'device-mtu':
      return change({ mtu: 576 });
    case 'neighbours-flushed':
    case 'fdb-flushed':
    case 'device-mac':
    case 'address-removed':
      return false;
  }
}
