import type { Logger } from '@overlay/core';
import type { Settings } from '../flags/settings.js';
import type { Store } from './store.js';

/**
 * Opens the store that the settings name. Only its own code is loaded: an agent on a directory starts in the time that
 * loading a client of etcd takes.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID`, `OVERLAY_USAGE` for what a person must mend, in one line.
 */
export async function openStore({ store, lease, netConfigPath }: Settings, logger: Logger): Promise<Store> {
  const context = { lease, netConfigPath, logger };
  switch (store.kind) {
    case 'local': {
      const { openLocalStore } = await import('./local-store.js');
      return openLocalStore(store, context);
    }
    case 'etcd': {
      const { openEtcdStore } = await import('./etcd-store.js');
      return openEtcdStore(store, context);
    }
    case 'kube': {
      const { openKubeStore } = await import('./kube-store.js');
      return openKubeStore(store, context);
    }
  }
}
