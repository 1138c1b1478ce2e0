import { addressBits, addressFamily, FAMILIES, OverlayError, prefixLength, systemClock } from '@overlay/core';
import type { Address, Clock, Family, Prefix } from '@overlay/core';
import type { KernelObject, Kind } from '@overlay/linux';
import {
  encodeLengths,
  MOST_LENGTHS,
  readRoute,
  ROUTE_BYTES,
  ROUTE_KEY_BYTES,
  writeRoute,
  writeRouteKey,
} from './layout.js';
import type { RouteEntry } from './layout.js';
import type { MapName } from './maps.js';
import type { UdpKernel } from './udp-kernel.js';

/** A peer's subnet, or its own address, in the map that the programs look at. */
export interface UdpRouteObject extends KernelObject, RouteEntry {
  readonly kind: 'udp-route';
  /** Of one that is wanted: it is the host's own address, and not looked for with each packet. */
  readonly host?: true;
  /** Of one that was found with a key that is no prefix: the key. */
  readonly damaged?: Uint8Array;
}

/** How long damage to the maps, of which the kernel does not tell, may last. */
const AUDIT_MS = 7000;
const MAPS: Readonly<Record<Family, MapName>> = { ipv4: 'routes4', ipv6: 'routes6' };

/** The entries of the maps. Nobody tells when they change, so they are looked at every few seconds. */
export function routeKind(kernel: UdpKernel, clock: Clock = systemClock): Kind<UdpRouteObject> {
  const table = new RouteTable(kernel);
  return {
    name: 'udp-route',
    rank: 2,
    key: ({ subnet, damaged }) => (damaged ? `damaged ${Buffer.from(damaged).toString('hex')}` : subnet),
    same: (a, b) => sameRoute(a, b) && a.host === b.host,
    satisfies: sameRoute,
    async dump({ wanted }, each, signal) {
      await kernel.ready(signal);
      table.read(wanted() as Iterable<UdpRouteObject>, each);
    },
    async put(wanted, signal) {
      await kernel.ready(signal);
      return table.write(wanted);
    },
    async remove(objects, signal) {
      await kernel.ready(signal);
      return table.remove(objects);
    },
    watch(sink) {
      let cancel: () => void;
      const look = (): void => {
        cancel = clock.after(AUDIT_MS, look);
        if (table.isDamaged()) sink.lost();
      };
      cancel = clock.after(AUDIT_MS, look);
      return () => cancel();
    },
  };
}

function sameRoute(a: UdpRouteObject, b: UdpRouteObject): boolean {
  return a.endpoint === b.endpoint && a.port === b.port && a.whole === b.whole;
}

/** The maps `routes4`, `routes6` and `lengths` as one table. */
class RouteTable {
  /** Lengths of the prefixes that are looked for. */
  #lengths: Record<Family, Set<number>> = { ipv4: new Set(), ipv6: new Set() };
  /** What the maps were when everything was last known to be as it should be; undefined after a write. */
  #digest: string | undefined;

  constructor(private readonly kernel: UdpKernel) {}

  /**
   * Reads all routes, and puts right what follows from them: the lengths. Those of routes that nobody wants belong to them
   * for as long as such a route is there: what is left of an earlier run carries packets until it is removed.
   */
  read(wanted: Iterable<UdpRouteObject>, each: (route: UdpRouteObject) => void): void {
    const lengths: Record<Family, Set<number>> = { ipv4: new Set(), ipv6: new Set() };
    const add = (subnet: Prefix): void => {
      const ofFamily = lengths[addressFamily(subnet)];
      if (ofFamily.size < MOST_LENGTHS) ofFamily.add(prefixLength(subnet));
    };
    for (const { kind, subnet, host } of wanted) if (kind === 'udp-route' && !host) add(subnet);
    for (const family of FAMILIES) {
      this.#readFamily(family, (route) => {
        // A single address is a host's own.
        if (!route.damaged && prefixLength(route.subnet) < addressBits(family)) add(route.subnet);
        each(route);
      });
    }
    this.#lengths = lengths;
    this.#writeLengths();
    this.#digest = this.#look();
  }

  write(routes: readonly UdpRouteObject[]): (OverlayError | undefined)[] {
    this.#digest = undefined;
    const outcomes = routes.map(({ subnet, host }) => (host ? undefined : this.#addLength(subnet)));
    this.#writeLengths();
    for (const family of FAMILIES) {
      const positions = [...routes.keys()].filter(
        (at) => outcomes[at] === undefined && addressFamily(routes[at].subnet) === family,
      );
      this.#writeFamily(family, routes, positions, outcomes);
    }
    return outcomes;
  }

  remove(routes: readonly UdpRouteObject[]): (OverlayError | undefined)[] {
    this.#digest = undefined;
    for (const family of FAMILIES) {
      const size = ROUTE_KEY_BYTES[family];
      const gone = routes.filter(({ subnet, damaged }) =>
        damaged ? damaged.length === size : addressFamily(subnet) === family,
      );
      const keys = new Uint8Array(gone.length * size);
      gone.forEach(({ subnet, damaged }, index) => {
        if (damaged) keys.set(damaged, index * size);
        else writeRouteKey(keys, index * size, subnet);
      });
      if (gone.length > 0) this.kernel.maps.remove(MAPS[family], keys, gone.length);
    }
    return routes.map(() => undefined);
  }

  /** Whether something has changed that we have not written; after writes of ours that cannot be told, and counts as true. */
  isDamaged(): boolean {
    if (!this.kernel.isOpen) return false;
    try {
      return this.#digest === undefined || this.#look() !== this.#digest;
    } catch (error) {
      // What cannot be read is read again by the reconciler, which says so if it still cannot.
      if (error instanceof OverlayError) return true;
      throw error;
    }
  }

  #look(): string {
    const { maps } = this.kernel;
    const lengths = FAMILIES.map((_, index) => Buffer.from(maps.element('lengths', index)).toString('hex'));
    const digests = FAMILIES.map((family) => maps.digest(MAPS[family]));
    return [...lengths, ...digests].join(' ');
  }

  #readFamily(family: Family, each: (route: UdpRouteObject) => void): void {
    const { keys, values, count } = this.kernel.maps.dump(MAPS[family]);
    const size = ROUTE_KEY_BYTES[family];
    for (let index = 0; index < count; index += 1) {
      const route = readRoute(keys, index * size, values, index * ROUTE_BYTES, family);
      if (route) each({ kind: 'udp-route', ...route });
      else each(damaged(keys.slice(index * size, (index + 1) * size)));
    }
  }

  #writeFamily(
    family: Family,
    routes: readonly UdpRouteObject[],
    positions: readonly number[],
    outcomes: (OverlayError | undefined)[],
  ): void {
    const size = ROUTE_KEY_BYTES[family];
    const keys = new Uint8Array(positions.length * size);
    const values = new Uint8Array(positions.length * ROUTE_BYTES);
    positions.forEach((at, index) => {
      writeRouteKey(keys, index * size, routes[at].subnet);
      writeRoute(values, index * ROUTE_BYTES, routes[at]);
    });
    const one = (index: number): void => {
      const key = keys.subarray(index * size, (index + 1) * size);
      this.kernel.maps.update(MAPS[family], key, values.subarray(index * ROUTE_BYTES, (index + 1) * ROUTE_BYTES), 1);
    };
    if (positions.length === 0) return;
    try {
      this.kernel.maps.update(MAPS[family], keys, values, positions.length);
    } catch {
      // Which one was refused is not told: they are tried one by one.
      positions.forEach((at, index) => (outcomes[at] = refusal(() => one(index))));
    }
  }

  #addLength(subnet: Prefix): OverlayError | undefined {
    const lengths = this.#lengths[addressFamily(subnet)];
    const length = prefixLength(subnet);
    if (!lengths.has(length) && lengths.size === MOST_LENGTHS) {
      const known = [...lengths].join(', ');
      return new OverlayError(
        'OVERLAY_UDP_LENGTHS',
        `route to ${subnet}: the subnets of peers have ${MOST_LENGTHS} different prefix lengths already (${known}), and ` +
          'more are not looked for; give all hosts subnets of one size',
      );
    }
    lengths.add(length);
    return undefined;
  }

  #writeLengths(): void {
    FAMILIES.forEach((family, index) => {
      const value = encodeLengths(this.#lengths[family]);
      const found = this.kernel.maps.element('lengths', index);
      if (Buffer.compare(found, value) !== 0) this.kernel.maps.setElement('lengths', index, value);
    });
  }
}

function damaged(key: Uint8Array): UdpRouteObject {
  return { kind: 'udp-route', subnet: '' as Prefix, endpoint: '' as Address, port: 0, whole: false, damaged: key };
}

function refusal(action: () => void): OverlayError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof OverlayError) return error;
    throw error;
  }
}
