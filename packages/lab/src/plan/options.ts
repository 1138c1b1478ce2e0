import { FAMILIES, OverlayError } from '@overlay/core';
import type { Family, Prefix } from '@overlay/core';

/** `flat`: all hosts on one Ethernet segment. `routed`: the first two share one, each other host has its own. */
export type Underlay = 'flat' | 'routed';

/** What a lab looks like. */
export interface LabOptions {
  /**
   * The lab's id: 1 to 16 lower-case letters, digits and dashes. Everything the lab makes on this machine is named
   * `ovl-<id>`. Default: six random hexadecimal digits.
   */
  readonly name?: string;
  /** Number of hosts: 1 to 240 on one segment, to 160 with `routed`. */
  readonly hosts: number;
  /** Default `flat`. */
  readonly underlay?: Underlay;
  /** Address families of the underlay. Default IPv4 only. */
  readonly families?: readonly Family[];
  /** Pods that `addPods` starts on each host unless told otherwise, 0 to 50. Default 1. */
  readonly pods?: number;
  /** MTU of the underlay in bytes, 1280 to 65535; below 1280 the kernel has no IPv6. Default 1500. */
  readonly mtu?: number;
  /** Whether there is a namespace for servers that all hosts use, `ovl-<id>-server`, on the first segment. Default false. */
  readonly server?: boolean;
  /** Prefixes that the underlay's addresses must stay out of, usually the overlay's networks. */
  readonly avoid?: readonly Prefix[];
  /** Where labs keep their state and their files. Labs in different folders do not see, or clean up, each other. */
  readonly runDirectory?: string;
  /** Stops the creation; what was made until then is removed. It has no effect on a lab that is complete. */
  readonly signal?: AbortSignal;
}

/** {@link LabOptions} with every default in its place. */
export interface LabShape {
  readonly id: string;
  readonly hosts: number;
  readonly underlay: Underlay;
  readonly families: readonly Family[];
  readonly pods: number;
  readonly mtu: number;
  readonly server: boolean;
  readonly avoid: readonly Prefix[];
}

/** Most hosts that a lab has: the last byte of an address numbers them, and in `routed` the one before numbers segments. */
export const MAX_HOSTS: Readonly<Record<Underlay, number>> = { flat: 240, routed: 160 };
/** Most pods that one host of a lab starts with. */
export const MAX_PODS = 50;

/** An error about one option. `code`: `OVERLAY_LAB_OPTION`, `key`: the option. */
function optionError(key: string, expected: string, actual: unknown): OverlayError {
  const shown = typeof actual === 'number' ? String(actual) : JSON.stringify(actual);
  return new OverlayError('OVERLAY_LAB_OPTION', `lab: ${key}: expected ${expected}, got ${shown}`, { key });
}

function integer(key: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw optionError(key, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

/**
 * Checks a lab's options and fills in the defaults.
 *
 * @param randomId gives the id where the options name none.
 * @throws OverlayError `OVERLAY_LAB_OPTION` with the option's name as `key`.
 */
export function labShape(options: LabOptions, randomId: () => string): LabShape {
  const id = options.name ?? randomId();
  if (!/^[a-z0-9][a-z0-9-]{0,15}$/.test(id)) {
    throw optionError('name', '1 to 16 lower-case letters, digits and dashes', id);
  }
  const underlay = options.underlay ?? 'flat';
  if (underlay !== 'flat' && underlay !== 'routed') throw optionError('underlay', 'flat or routed', underlay);
  const wanted = options.families ?? ['ipv4'];
  const unknown = wanted.find((family) => !FAMILIES.includes(family));
  if (unknown !== undefined || wanted.length === 0) {
    throw optionError('families', 'at least one of ipv4 and ipv6', unknown ?? wanted);
  }
  return {
    id,
    underlay,
    hosts: integer('hosts', options.hosts, 1, MAX_HOSTS[underlay]),
    families: FAMILIES.filter((family) => wanted.includes(family)),
    pods: integer('pods', options.pods ?? 1, 0, MAX_PODS),
    mtu: integer('mtu', options.mtu ?? 1500, 1280, 65535),
    server: options.server ?? false,
    avoid: options.avoid ?? [],
  };
}
