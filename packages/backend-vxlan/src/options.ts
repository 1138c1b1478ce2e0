import { readOptions } from '@overlay/core';
import type { BackendInit } from '@overlay/core';

/** IANA has 4789; the kernel, and so flannel, has taken this one since before that. */
const KERNEL_DEFAULT_PORT = 8472;
const LARGEST_VNI = 0xffffff;

/** What net-conf.json may say of a VXLAN network, by flannel's names and defaults. */
export interface VxlanOptions {
  readonly vni: number;
  /** UDP port on all hosts. */
  readonly port: number;
  /** Largest *outer* packet in bytes, if less than the interface's MTU. */
  readonly mtu?: number;
  readonly gbp: boolean;
  readonly learning: boolean;
  /** Peers on the same link get a plain route instead of the tunnel. */
  readonly directRouting: boolean;
}

/**
 * What VXLAN hosts must have in common: VNI and port; GBP too, because hosts without it drop the packets of those with it
 * that bear a policy (`vxlan_rcv` of drivers/net/vxlan refuses flags that it does not expect).
 */
export function endpointId({ vni, port, gbp }: VxlanOptions): string {
  return `vxlan/${vni}/${port}${gbp ? '/gbp' : ''}`;
}

/**
 * Reads `Backend` of net-conf.json; what is not understood goes to the log.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID` naming the option.
 */
export function vxlanOptions({ netConf, logger }: BackendInit): VxlanOptions {
  const { values, warnings } = readOptions(netConf.backend, {
    VNI: { type: 'integer', min: 1, max: LARGEST_VNI, default: 1 },
    Port: { type: 'integer', min: 0, max: 0xffff, default: 0 },
    // 0 means the interface's, as for flannel; below 576 nothing of use passes (RFC 791).
    MTU: { type: 'integer', min: 0, max: 0xffff, default: 0 },
    GBP: { type: 'boolean', default: false },
    Learning: { type: 'boolean', default: false },
    DirectRouting: { type: 'boolean', default: false },
  });
  for (const warning of warnings) logger?.warn(warning);
  return {
    vni: values.VNI,
    port: values.Port === 0 ? KERNEL_DEFAULT_PORT : values.Port,
    ...(values.MTU === 0 ? {} : { mtu: values.MTU }),
    gbp: values.GBP,
    learning: values.Learning,
    directRouting: values.DirectRouting,
  };
}
