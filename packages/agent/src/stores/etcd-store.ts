import { errorCode, errorText } from '@overlay/core';
import { EtcdSubnetManager } from '@overlay/subnet-etcd';
import type { EtcdStoreSettings } from '../flags/store-settings.js';
import { usageError } from '../flags/usage-error.js';
import type { Logger } from '@overlay/core';
import type { LeaseTimes } from '../flags/store-settings.js';
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
  const { prefix } = settings;
  const subnetManager = etcdManager(settings, logger, lease);
  return { subnetManager, remote: { name: `etcd ${prefix}`, subnetsFrom: 'configuration' }, wrongConfig: 'wait' };
}

/**
 * The leases in etcd.
 *
 * @param lease how long those last that are acquired
 * @throws OverlayError `OVERLAY_USAGE` naming the flag.
 */
export function etcdManager(settings: EtcdStoreSettings, logger: Logger, lease?: LeaseTimes): EtcdSubnetManager {
  const { endpoints, prefix, tls, username, password } = settings;
  try {
    return new EtcdSubnetManager({
      ...{ endpoints, prefix, tls, logger },
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(lease && { ttlSeconds: lease.ttlMs / 1000, renewMarginMs: lease.renewMarginMs }),
    });
  } catch (error) {
    const key = (error as { key?: string }).key ?? '';
    const flag = FLAGS[key];
    if (errorCode(error) !== 'OVERLAY_OPTION_INVALID' || flag === undefined) throw error;
    throw usageError(errorText(error).replace(new RegExp(`^(EtcdSubnetManager: )?${key}`), flag), flag);
  }
}
