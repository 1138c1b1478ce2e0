import { abortError, FAMILIES, noMetrics, silentLogger, throwIfAborted } from '@overlay/core';
import type {
  AttributesContext,
  Backend,
  BackendFactory,
  BackendInit,
  BackendSupports,
  Endpoint,
  Family,
  Finding,
  Host,
  LeaseAttributes,
  Logger,
  Network,
  OpenContext,
} from '@overlay/core';
import { DeclarativeNetwork } from '@overlay/linux';
import type { Linux } from '@overlay/linux';
import {
  firstValueFrom,
  from,
  fromEvent,
  merge,
  mergeMap,
  Observable,
  ReplaySubject,
  switchMap,
  throwError,
} from 'rxjs';
import { choosePath, noPath } from './choose-path.js';
import { DEVICE } from './data-path.js';
import type { DataPath } from './data-path.js';
import { UdpDesign, udpOverhead } from './design.js';
import { removePrograms } from './kernel/remove-programs.js';
import { endpointWith } from './lease.js';
import { endpointId, udpOptions } from './options.js';
import type { UdpOptions } from './options.js';
import { PathMetrics } from './path-metrics.js';
import { pathSources } from './paths.js';
import type { PathSource } from './paths.js';
import { UdpNetwork } from './udp-network.js';

const TYPE = 'udp';
/** Flannel's udp publishes no type. */
const PUBLISHED_TYPE = '';

/** What it can do, with the options that are best for it. */
const SUPPORTS: BackendSupports = {
  ipv4: true,
  ipv6: true,
  dualStack: true,
  crossesSubnets: true,
  encryption: false,
  survivesAgent: true,
  flannelInterop: true,
  checksSource: true,
};

/** What the backend needs of its surroundings. */
export interface UdpComponents {
  readonly linux: Linux;
}

/**
 * The UDP backend: flannel's `udp` on the wire, without its price. One factory for all networks of a {@link Linux}.
 */
export function udp({ linux }: UdpComponents): BackendFactory {
  const shared = { linux, paths: pathSources(linux), pathMetrics: new PathMetrics() };
  return { type: TYPE, supports: SUPPORTS, create: (init) => new Udp(shared, init) };
}

/** What all networks of a {@link Linux} have in common. */
interface Shared {
  readonly linux: Linux;
  readonly paths: readonly PathSource[];
  readonly pathMetrics: PathMetrics;
}

class Udp implements Backend {
  readonly type = TYPE;
  readonly supports: BackendSupports;
  /** Programs in the kernel are taken over, and the threads of this process go on. */
  readonly reopensInPlace = true;
  readonly endpointId: string;
  /** They change how packets are carried and looked at, and not where they go. */
  readonly liveOptions = ['DataPath', 'Filter'];
  readonly #options: UdpOptions;
  readonly #families: readonly Family[];
  readonly #logger: Logger;

  constructor(
    private readonly shared: Shared,
    private readonly init: BackendInit,
  ) {
    this.#options = udpOptions(init);
    const { dataPath, filter } = this.#options;
    // With `auto` it is the host that decides whether packets pass through this process.
    this.supports = { ...SUPPORTS, survivesAgent: dataPath === 'kernel', checksSource: filter === 'enforce' };
    this.endpointId = endpointId(this.#options);
    this.#families = FAMILIES.filter((family) => init.netConf[family] !== undefined);
    this.#logger = init.logger ?? silentLogger;
  }

  /** Flanneld publishes neither type nor port; the port has to be the same in a cluster of its. */
  understands({ backendType }: LeaseAttributes): boolean {
    return backendType === PUBLISHED_TYPE || backendType === TYPE;
  }

  whyNotBeside(other: Backend): string | undefined {
    if (!(other instanceof Udp)) return undefined;
    return `the device ${DEVICE} cannot have two ports at once; change to another backend in between`;
  }

  overhead(underlay: Family): number {
    return udpOverhead(underlay);
  }

  async preflight(options: { readonly host?: Host; readonly signal: AbortSignal }): Promise<readonly Finding[]> {
    const { host, signal } = options;
    const [general, { findings }] = await Promise.all([
      this.shared.linux.preflight({ netConf: this.init.netConf, signal, ...(host ? { host } : {}) }),
      choosePath(this.shared.paths, this.#options.dataPath, options),
    ]);
    return [...general, ...findings];
  }

  attributes$({ host$ }: AttributesContext): Observable<LeaseAttributes> {
    return host$.pipe(
      switchMap((host) =>
        promised(async (signal) => {
          const { path } = await choosePath(this.shared.paths, this.#options.dataPath, { host, signal });
          return this.#attributes(host, path?.name);
        }),
      ),
    );
  }

  async open(context: OpenContext): Promise<Network> {
    const { shared, init } = this;
    const { linux, pathMetrics } = shared;
    const { signal } = context;
    const options = this.#options;
    // The host is asked for here and again by the network: what it is now must not be lost in between.
    const host$ = new ReplaySubject<Host>(1);
    const following = context.host$.subscribe(host$);
    try {
      const host = await firstValue(host$, signal);
      const { path, findings } = await choosePath(this.shared.paths, options.dataPath, { host, signal });
      for (const { level, message } of findings) if (path && level === 'warning') this.#logger.warn(`udp: ${message}`);
      if (!path) throw noPath(findings);
      this.#logger.info(`udp: packets take the ${path.name} path`);
      if (path.name !== 'kernel') await removePrograms(linux, signal);
      const { hostId } = init;
      const families = this.#families;
      const opened = await path.open({ linux, hostId, options, families, logger: this.#logger, signal });
      try {
        const { netConf, recordedNetworks } = init;
        const design = new UdpDesign({
          linux,
          options,
          netConf,
          path: opened,
          ...(recordedNetworks && { recordedNetworks }),
        });
        const inner = await DeclarativeNetwork.open(design, linux.reconciler, { ...context, host$ }, init.logger);
        const { metrics = noMetrics, logger } = init;
        const unfollow = pathMetrics.follow({ name: path.name, path: opened, metrics, ...(logger && { logger }) });
        return new UdpNetwork(inner, path.name, opened, () => {
          unfollow();
          following.unsubscribe();
        });
      } catch (error) {
        await opened.close();
        throw error;
      }
    } catch (error) {
      following.unsubscribe();
      throw error;
    }
  }

  /** With how it receives: peers on the kernel path send super-packets only to hosts of which they know. */
  #attributes(host: Host, path: DataPath['name'] | undefined): LeaseAttributes {
    const endpoints: { ipv4?: Endpoint; ipv6?: Endpoint } = {};
    const add = (family: Family): void => {
      const own = host[family];
      if (own) endpoints[family] = endpointWith(own.publicIP, path);
    };
    this.#families.forEach(add);
    // A family that the host has no address in goes by the other one.
    if (this.#families.some((family) => host[family] === undefined)) FAMILIES.forEach(add);
    return { backendType: PUBLISHED_TYPE, ...endpoints };
  }
}

/** The first value, which may be long in coming; rejects with `OVERLAY_ABORTED` when the signal is given before. */
function firstValue<T>(values$: Observable<T>, signal: AbortSignal): Promise<T> {
  throwIfAborted('opening the udp network', signal);
  const aborted$ = fromEvent(signal, 'abort').pipe(
    mergeMap(() => throwError(() => abortError('opening the udp network', signal))),
  );
  return firstValueFrom(merge(values$, aborted$));
}

/** What an action resolves with; its signal is given when nobody waits for that any more. */
function promised<T>(action: (signal: AbortSignal) => Promise<T>): Observable<T> {
  return new Observable((subscriber) => {
    const ending = new AbortController();
    const running = from(action(ending.signal)).subscribe(subscriber);
    return () => {
      running.unsubscribe();
      ending.abort();
    };
  });
}
