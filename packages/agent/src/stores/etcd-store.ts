import { errorCode, errorText } from '@overlay/core';
import { EtcdSubnetManager } from '@overlay/subnet-etcd';
import type { EtcdStoreSettings } from '../flags/store-settings.js';
import { usageError } from '../flags/usage-error.js';
import type { Store, StoreContext } from './store.js';

/** The flags by the options that they become. */
const FLAGS: Readonly<Record<string, string>> = {
  endpoints: '--etcd-endpoints',
  prefix: '--etcd-prefix',
  tls: '--etcd-certfile',
  password: '--etcd-password',
  ttlSeconds: '--subnet-lease-ttl',
};

/**
 * Leases and the configuration in etcd, where both may be mended at any time.
 *
 * @throws OverlayError `OVERLAY_USAGE` naming the flag.
 */
export function openEtcdStore(settings: EtcdStoreSettings, { lease, logger }: StoreContext): Store {
  const { endpoints, prefix, tls, username, password } = settings;
  try {
    const subnetManager = new EtcdSubnetManager({
      ...{ endpoints, prefix, tls, logger },
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ttlSeconds: lease.ttlMs / 1000,
      renewMarginMs: lease.renewMarginMs,
    });
    return { subnetManager, remote: { name: `etcd ${prefix}`, subnetsFrom: 'configuration' }, wrongConfig: 'wait' };
  } catch (error) {
    const key = (error as { key?: string }).key ?? '';
    const flag = FLAGS[key];
    if (errorCode(error) !== 'OVERLAY_OPTION_INVALID' || flag === undefined) throw error;
    throw usageError(errorText(error).replace(new RegExp(`^(EtcdSubnetManager: )?${key}`), flag), flag);
  }
}
