import { fileConfig, LocalSubnetManager } from '@overlay/subnet-local';
import type { LocalStoreSettings } from '../flags/store-settings.js';
import { readConfiguration } from './net-conf-file.js';
import type { Store, StoreContext } from './store.js';

/**
 * Leases in a directory, the configuration in a file.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID`
 */
export function openLocalStore(
  { directory }: LocalStoreSettings,
  { lease, netConfigPath, logger }: StoreContext,
): Store {
  const netConf = readConfiguration(netConfigPath);
  const subnetManager = new LocalSubnetManager({ directory, ...lease, logger, config$: fileConfig(netConfigPath) });
  return { subnetManager, netConf, wrongConfig: 'fatal' };
}
