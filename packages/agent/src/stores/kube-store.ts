import type { ConfigEvent, Logger } from '@overlay/core';
import { errorCode, errorText } from '@overlay/core';
import { KubeSubnetManager } from '@overlay/subnet-kube';
import { fileConfig } from '@overlay/subnet-local';
import type { Observable } from 'rxjs';
import type { KubeStoreSettings } from '../flags/store-settings.js';
import { usageError } from '../flags/usage-error.js';
import { readConfiguration } from './net-conf-file.js';
import type { Store, StoreContext } from './store.js';

/** The flags by the options that they become. */
const FLAGS: Readonly<Record<string, string>> = {
  apiUrl: '--kube-api-url',
  kubeconfigFile: '--kubeconfig-file',
  annotationPrefix: '--kube-annotation-prefix',
  node: 'NODE_NAME',
};

/**
 * Leases in the Nodes of Kubernetes, the configuration in a file.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID`, `OVERLAY_USAGE` naming the flag.
 */
export function openKubeStore(settings: KubeStoreSettings, { netConfigPath, logger }: StoreContext): Store {
  const netConf = readConfiguration(netConfigPath);
  const manager = kubeManager(settings, logger, fileConfig(netConfigPath));
  return {
    subnetManager: manager,
    netConf,
    remote: { name: 'the Kubernetes API', subnetsFrom: 'store' },
    wrongConfig: 'fatal',
    hostAddresses: (options) => manager.nodeAddresses(options),
    ...(settings.setNetworkUnavailable && {
      reportReadiness: (missing) => {
        manager.reportNetwork(missing === undefined ? { available: true } : { available: false, message: missing });
      },
    }),
  };
}

/**
 * The leases in the Nodes.
 *
 * @throws OverlayError `OVERLAY_USAGE` naming the flag.
 */
export function kubeManager(
  settings: KubeStoreSettings,
  logger: Logger,
  config$: Observable<ConfigEvent>,
): KubeSubnetManager {
  const { kind: _, setNetworkUnavailable: _reported, ...access } = settings;
  try {
    return new KubeSubnetManager({ ...access, logger, config$ });
  } catch (error) {
    const key = (error as { key?: string }).key ?? '';
    const flag = FLAGS[key];
    if (errorCode(error) !== 'OVERLAY_OPTION_INVALID' || flag === undefined) throw error;
    throw usageError(errorText(error).replace(`KubeSubnetManager: ${key}`, flag), flag);
  }
}
