import { deriveMac, OverlayError } from '@overlay/core';
import type { Address, Host, Lease, Prefix } from '@overlay/core';
import type { Subject } from '../subject.js';

/** The overlay's network: room for 65,536 subnets of /24. */
export const NETWORK = '10.0.0.0/8';
/** The last two /24 of the network are kept: one is the measured host's own. */
export const MOST_HOSTS = 65_534;
/** So many synthetic hosts leave the subnets alone of the two that carry traffic, which begin with 10.244.0.0/24. */
export const MOST_SILENT = 244 * 256;
/** The measured host on the underlay, whose one segment holds all hosts. */
export const OWN_ADDRESS = '172.16.0.1' as Address;
export const UNDERLAY_LENGTH = 12;
export const OWN_SUBNET = '10.255.255.0/24' as Prefix;
const FIRST_ADDRESS = 0xac100000 + 256;
/** Addresses to move to: as many again, behind the first ones. */
const MOVED = 100_000;

/**
 * The lease of one of the synthetic hosts.
 *
 * @param moves how often its address on the underlay has changed.
 */
export function syntheticLease(subject: Subject, index: number, moves = 0): Lease {
  const publicIP = addressOf(FIRST_ADDRESS + index + (moves % 8) * MOVED);
  const data = subject.data?.({ mac: deriveMac(`host ${index}`) });
  return {
    key: `host-${index}`,
    subnets: { ipv4: `10.${index >> 8}.${index & 255}.0/24` as Prefix },
    attributes: { backendType: subject.type, ipv4: { publicIP, ...(data === undefined ? {} : { data }) } },
  };
}

/** The measured host. */
export function syntheticHost(link: { readonly name: string; readonly index: number }): Host {
  return {
    interface: { ...link, mtu: 1500, broadcast: true, running: true },
    ipv4: { address: OWN_ADDRESS, publicIP: OWN_ADDRESS },
  };
}

/**
 * Checks a number of hosts.
 *
 * @throws OverlayError `OVERLAY_BENCH_OPTION`.
 */
export function checkHosts(hosts: number): void {
  if (Number.isInteger(hosts) && hosts >= 1 && hosts <= MOST_HOSTS) return;
  throw new OverlayError('OVERLAY_BENCH_OPTION', `--hosts: expected an integer from 1 to ${MOST_HOSTS}, got ${hosts}`);
}

function addressOf(number: number): Address {
  return [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join('.') as Address;
}
