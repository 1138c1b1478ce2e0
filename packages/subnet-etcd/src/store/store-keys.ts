import { posix } from 'node:path';
import type { Prefix } from '@overlay/core';
import { networkAddress, prefixLength } from '@overlay/core';

/** What a key under the prefix is. */
export type KeyKind =
  | { readonly kind: 'config' }
  /** A lease, or something in its place; `name` is what follows `subnets/`. */
  | { readonly kind: 'lease'; readonly name: string }
  /** Beside a lease: which host holds it. */
  | { readonly kind: 'host'; readonly id: string }
  /** Keeps an IPv6 subnet for one lease; see {@link StoreKeys.guard}. */
  | { readonly kind: 'guard'; readonly subnet: string }
  /** Nothing of ours, but flanneld's watch of leases sees it and takes it for a broken one. */
  | { readonly kind: 'stray' }
  | { readonly kind: 'foreign' };

/** The keys of one network. Flannel's are `config` and `subnets/…`; ours are under `overlay/`, where flannel never looks. */
export class StoreKeys {
  readonly root: string;
  readonly config: string;
  readonly #subnets: string;
  readonly #hosts: string;
  readonly #guards: string;

  /** @param prefix `/coreos.com/network`, with or without slashes at its end, put together as Go's `path.Join` does */
  constructor(prefix: string) {
    const root = posix.normalize(prefix).replace(/\/$/, '');
    this.root = root;
    this.config = `${root}/config`;
    this.#subnets = `${root}/subnets/`;
    this.#hosts = `${root}/overlay/hosts/`;
    this.#guards = `${root}/overlay/ipv6/`;
  }

  /** Everything of this network. */
  get all(): { readonly key: string; readonly rangeEnd: string } {
    return rangeOf(`${this.root}/`);
  }

  get leases(): { readonly key: string; readonly rangeEnd: string } {
    return rangeOf(this.#subnets);
  }

  get hosts(): { readonly key: string; readonly rangeEnd: string } {
    return rangeOf(this.#hosts);
  }

  get guards(): { readonly key: string; readonly rangeEnd: string } {
    return rangeOf(this.#guards);
  }

  lease(name: string): string {
    return this.#subnets + name;
  }

  /** All leases with this IPv4 subnet, whatever their IPv6 one. */
  leasesWith(subnet: Prefix): { readonly key: string; readonly rangeEnd: string } {
    return rangeOf(this.lease(`${networkAddress(subnet)}-${prefixLength(subnet)}`));
  }

  /** Identities are escaped as in an URL: they may contain anything. */
  host(id: string): string {
    return this.#hosts + encodeURIComponent(id);
  }

  /**
   * A key that only one lease can have made. A lease's own name begins with the IPv4 subnet, so nothing about the name
   * keeps two hosts that start together from taking the same IPv6 subnet.
   */
  guard(subnet: Prefix): string {
    return `${this.#guards}${networkAddress(subnet)}-${prefixLength(subnet)}`;
  }

  kindOf(key: string): KeyKind {
    if (key.startsWith(this.#subnets)) return { kind: 'lease', name: key.slice(this.#subnets.length) };
    if (key === this.config) return { kind: 'config' };
    if (key.startsWith(this.#guards)) return { kind: 'guard', subnet: key.slice(this.#guards.length) };
    if (key.startsWith(this.#hosts)) {
      try {
        return { kind: 'host', id: decodeURIComponent(key.slice(this.#hosts.length)) };
      } catch {
        return { kind: 'foreign' };
      }
    }
    // The watch of flanneld is on the text `<prefix>/subnets`, without a slash.
    return { kind: key.startsWith(this.#subnets.slice(0, -1)) ? 'stray' : 'foreign' };
  }
}

/** All keys that begin with a text, which ends in ASCII. */
function rangeOf(start: string): { readonly key: string; readonly rangeEnd: string } {
  const last = start.length - 1;
  return { key: start, rangeEnd: start.slice(0, last) + String.fromCharCode(start.charCodeAt(last) + 1) };
}
