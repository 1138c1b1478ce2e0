import type { Family, Prefix } from '@overlay/core';
import { isLinkLocal, isLoopback, isMulticast, isUnspecified, prefixContains } from '@overlay/core';
import type { HostLink, HostLinkAddress, HostSnapshot } from './snapshot.js';

/** Names of the devices that flanneld makes; they carry the overlay and cannot be what carries it. */
const FLANNEL_DEVICE = /^flannel([.\d-]|$)/;

/** True for devices of the overlay itself: ours by their alias, flanneld's by their name. */
export function isOverlayDevice(link: HostLink): boolean {
  return link.alias?.startsWith('overlay:') === true || FLANNEL_DEVICE.test(link.name);
}

/** Why an address cannot be used at present, in words; undefined when it can. */
export function addressObstacle(address: HostLinkAddress): string | undefined {
  if (address.dadFailed) return 'another host has it too';
  if (address.tentative) return 'it is still being checked for duplicates';
  if (address.deprecated) return 'it is deprecated';
  return undefined;
}

/**
 * The addresses of an interface that may carry the overlay, the best one first: global before link-local, permanent
 * before dynamic, lasting before temporary, else in the kernel's order. This is flanneld's order.
 */
export function usableAddresses(
  snapshot: HostSnapshot,
  link: HostLink,
  family: Family,
  overlayNetworks: readonly Prefix[],
): readonly HostLinkAddress[] {
  return snapshot.addresses
    .filter(
      (candidate) =>
        candidate.index === link.index &&
        candidate.family === family &&
        isHostAddress(candidate) &&
        addressObstacle(candidate) === undefined &&
        !overlayNetworks.some((network) => holds(network, candidate)),
    )
    .sort((a, b) => rank(a) - rank(b)); // stable, so that equals stay in the kernel's order
}

/** True for unicast addresses that are not of the loopback. */
export function isHostAddress({ address }: HostLinkAddress): boolean {
  return !isLoopback(address) && !isMulticast(address) && !isUnspecified(address);
}

function rank(candidate: HostLinkAddress): number {
  return (isLinkLocal(candidate.address) ? 4 : 0) + (candidate.permanent ? 0 : 2) + (candidate.temporary ? 1 : 0);
}

function holds(network: Prefix, { address, family }: HostLinkAddress): boolean {
  return network.includes(':') === (family === 'ipv6') && prefixContains(network, address);
}
