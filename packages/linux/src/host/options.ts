import type { Address, Family, PerFamily, Prefix } from '@overlay/core';
import { isLoopback, isMulticast, isUnspecified, OverlayError, tryParseAddress } from '@overlay/core';
import { compileInterfaceRegex } from './interface-regex.js';

/**
 * Which interface carries the overlay, as a person says it. Names and meanings are those of flanneld's flags; with none
 * of them given, the interface of the default route is taken.
 */
export interface InterfaceOptions {
  /**
   * The address families that the overlay needs on the underlay; an interface has to have an address in each. Absent:
   * whichever the interface has, at least one.
   */
  readonly families?: readonly Family[];
  /** `--iface`: names or addresses, tried in order. */
  readonly iface?: readonly string[];
  /** `--iface-regex`: unanchored expressions, each tried on addresses first, then on names. */
  readonly ifaceRegex?: readonly string[];
  /** `--iface-can-reach`: the interface from which the kernel would send to this address. */
  readonly ifaceCanReach?: string;
  /** `--public-ip`: the IPv4 address that peers are told, if it is not that of the interface. */
  readonly publicIP?: string;
  /** `--public-ipv6`: the same for IPv6. */
  readonly publicIPv6?: string;
  /**
   * The overlay's own networks. An address within one belongs to a pod bridge or a tunnel, so that neither an
   * expression nor a default route can choose it; one that is named in full still can.
   */
  readonly overlayNetworks?: readonly Prefix[];
}

/** One `--iface`: an address or an interface's name. */
export type NamedInterface =
  { readonly address: Address; readonly name?: undefined } | { readonly name: string; readonly address?: undefined };

/** One `--iface-regex`. */
export interface InterfaceRegex {
  /** As it was written. */
  readonly text: string;
  readonly expression: RegExp;
}

/** {@link InterfaceOptions} after they were checked. */
export interface InterfaceSelection {
  readonly families?: readonly Family[];
  readonly iface: readonly NamedInterface[];
  readonly ifaceRegex: readonly InterfaceRegex[];
  readonly canReach?: Address;
  readonly publicIP: PerFamily<Address>;
  readonly overlayNetworks: readonly Prefix[];
}

/** IFNAMSIZ of linux/if.h, less the terminating zero. */
const LONGEST_NAME = 15;

/**
 * Checks the options.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID` with the flag as its `key`.
 */
export function parseInterfaceOptions(options: InterfaceOptions): InterfaceSelection {
  const families = options.families;
  if (families?.length === 0) {
    throw new OverlayError('OVERLAY_CONFIG_INVALID', 'families: expected at least one of ipv4 and ipv6, got none', {
      key: 'families',
    });
  }
  const ipv4 = publicAddress('--public-ip', options.publicIP, 'ipv4');
  const ipv6 = publicAddress('--public-ipv6', options.publicIPv6, 'ipv6');
  return {
    ...(families === undefined ? {} : { families }),
    iface: (options.iface ?? []).map(namedInterface),
    ifaceRegex: (options.ifaceRegex ?? []).map((text) => ({ text, expression: compileInterfaceRegex(text) })),
    ...(options.ifaceCanReach === undefined ? {} : { canReach: reachable(options.ifaceCanReach) }),
    publicIP: { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) },
    overlayNetworks: options.overlayNetworks ?? [],
  };
}

/** True when an option names the interface, so that neither public addresses nor default routes choose it. */
export function namesInterface(selection: InterfaceSelection): boolean {
  return selection.iface.length > 0 || selection.ifaceRegex.length > 0 || selection.canReach !== undefined;
}

function namedInterface(text: string): NamedInterface {
  const address = tryParseAddress(text);
  if (address !== undefined) {
    if (!isHostAddress(address)) throw invalid('--iface', 'an address of this host', text);
    return { address };
  }
  // dev_valid_name of the kernel refuses a colon, so only an address can have been meant.
  if (text.includes(':') || /^\d+(\.\d+){3}$/.test(text))
    throw invalid('--iface', 'an interface name or an address', text);
  if (text === '' || text === '.' || text === '..' || /[/\s]/.test(text) || Buffer.byteLength(text) > LONGEST_NAME) {
    throw invalid(
      '--iface',
      `an address or an interface name of 1 to ${LONGEST_NAME} bytes without "/" or spaces`,
      text,
    );
  }
  return { name: text };
}

function reachable(text: string): Address {
  const address = tryParseAddress(text);
  if (address === undefined || isUnspecified(address)) {
    throw invalid('--iface-can-reach', 'an IPv4 or IPv6 address to be reached', text);
  }
  return address;
}

function publicAddress(flag: string, text: string | undefined, family: Family): Address | undefined {
  // flanneld's default for both flags is the empty string.
  if (text === undefined || text === '') return undefined;
  const address = tryParseAddress(text, family);
  if (address === undefined || !isHostAddress(address)) {
    throw invalid(flag, `the ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address under which peers reach this host`, text);
  }
  return address;
}

function isHostAddress(address: Address): boolean {
  return !isUnspecified(address) && !isLoopback(address) && !isMulticast(address) && address !== '255.255.255.255';
}

function invalid(flag: string, expected: string, text: string): OverlayError {
  const got = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  return new OverlayError('OVERLAY_CONFIG_INVALID', `${flag}: expected ${expected}, got ${got}`, { key: flag });
}
