import { readOptions } from '@overlay/core';
import type { BackendInit } from '@overlay/core';

/** What flannel's `udp` has taken since its first release. */
const DEFAULT_PORT = 8285;

/** Which way packets take: by eBPF programs, by native threads, or the first of these that works on the host. */
export type DataPathChoice = 'auto' | 'kernel' | 'user';

/**
 * What is done with a packet that does not come from where it says: `enforce` drops and counts it, `count` only counts
 * it, `off` does not look.
 */
export type FilterMode = 'enforce' | 'count' | 'off';

/** What net-conf.json may say of a UDP network. */
export interface UdpOptions {
  /** UDP port on all hosts, 1 to 65,535. */
  readonly port: number;
  readonly dataPath: DataPathChoice;
  readonly filter: FilterMode;
}

/** What UDP hosts must have in common. */
export function endpointId({ port }: Pick<UdpOptions, 'port'>): string {
  return `udp/${port}`;
}

/**
 * Reads `Backend` of net-conf.json; what is not understood goes to the log.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID` naming the option.
 */
export function udpOptions({ netConf, logger }: Pick<BackendInit, 'netConf' | 'logger'>): UdpOptions {
  const { values, warnings } = readOptions(netConf.backend, {
    // 0 means the default, as an absent one does for flannel.
    Port: { type: 'integer', min: 0, max: 0xffff, default: 0 },
    DataPath: { type: 'enum', values: ['auto', 'kernel', 'user'], default: 'auto' },
    Filter: { type: 'enum', values: ['enforce', 'count', 'off'], default: 'enforce' },
  });
  for (const warning of warnings) logger?.warn(warning);
  return {
    port: values.Port === 0 ? DEFAULT_PORT : values.Port,
    dataPath: values.DataPath,
    filter: values.Filter,
  };
}
