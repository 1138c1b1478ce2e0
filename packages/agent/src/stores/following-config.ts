import type { ConfigEvent, SubnetManager } from '@overlay/core';
import { tap } from 'rxjs';

/** A subnet manager of whose configuration somebody else learns too, before whoever uses it does. */
export function followingConfig(manager: SubnetManager, follow: (event: ConfigEvent) => void): SubnetManager {
  return {
    config$: manager.config$.pipe(tap(follow)),
    leases$: manager.leases$,
    previous: (...parameters) => manager.previous(...parameters),
    acquire: (...parameters) => manager.acquire(...parameters),
    resync: () => manager.resync(),
    confirmedAt: () => manager.confirmedAt(),
    close: () => manager.close(),
  };
}
