import { addressFamily, errorText, FAMILIES, noMetrics, silentLogger, systemClock } from '@overlay/core';
import type {
  BackendInit,
  Clock,
  Family,
  Finding,
  Host,
  HostState,
  Logger,
  Metrics,
  NetConf,
  PerFamily,
  PodInterface,
  Prefix,
} from '@overlay/core';
import type { Observable } from 'rxjs';
import { defer, finalize, tap } from 'rxjs';
import { Adjacency } from './adjacency/adjacency.js';
import { Announcer } from './announce/announcer.js';
import { sendFrame } from './announce/send-frame.js';
import { observeHost } from './host/observe-host.js';
import type { InterfaceOptions } from './host/options.js';
import { readDefaultRoutes } from './host/read-snapshot.js';
import { KernelEvents } from './kernel/events.js';
import { LinkTable } from './kernel/link-table.js';
import { KernelSession } from './kernel/session.js';
import { addressKind } from './kinds/address-kind.js';
import { fdbKind } from './kinds/fdb-kind.js';
import { linkKind } from './kinds/link-kind.js';
import { neighbourKind } from './kinds/neighbour-kind.js';
import { ROUTE_PROTOCOL, routeMetric } from './kinds/objects.js';
import type { HostSettingsObject, RouteObject } from './kinds/objects.js';
import { routeKind } from './kinds/route-kind.js';
import { deviceSettingsKind, hostSettingsKind } from './kinds/settings-kind.js';
import type { NetlinkPort } from './netlink/port.js';
import { netnsProcFiles } from './proc/netns-files.js';
import type { Link } from './netlink/rtnetlink/link.js';
import { openNetlink } from './netlink/socket.js';
import { commonMarks, deviceMarks } from './network/marks.js';
import type { OwnMark } from './network/design.js';
import { readPodInterfaces } from './pods/pod-interfaces.js';
import { preflightAll } from './preflight/all.js';
import { netnsRunTool } from './preflight/run-tool.js';
import type { TunnelDevice } from './preflight/udp-port.js';
import { ownProcFiles } from './proc/files.js';
import type { Kind } from './reconciler/kind.js';
import { Reconciler } from './reconciler/reconciler.js';
import { prepareForwarding } from './sysctl/forwarding.js';
import { raiseNeighbourLimits } from './sysctl/neighbour-limits.js';
import { Sysctl } from './sysctl/sysctl.js';

const NO_ROUTES = { defaultRoutes: [], names: new Map<number, string>() };

/** How the Linux layer is set up. */
export interface LinuxOptions {
  /** Path of a network namespace, such as `/run/netns/h1`. The process's own unless told. */
  readonly netns?: string;
  /** Tells the objects of several agents in one network namespace apart. `default` unless told. */
  readonly instance?: string;
  /** The protocol number on our routes, 5 to 255; 111 unless told. See /etc/iproute2/rt_protos for those in use. */
  readonly routeProtocol?: number;
  /** Other numbers that routes of this agent may have from an earlier run: such routes are ours, and give way to new ones. */
  readonly formerRouteProtocols?: readonly number[];
  /** Whether IPv4 routes get a metric of their own each (see {@link routeMetric}); with false all have metric 0. */
  readonly routeMetrics?: boolean;
  /** With `off` no setting of the kernel is changed. */
  readonly sysctls?: 'on' | 'off';
  /** Milliseconds between two full comparisons with the kernel; 60,000 unless told. */
  readonly auditMs?: number;
  /** Kinds of objects beside those of this package. */
  readonly kinds?: readonly Kind[];
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly metrics?: Metrics;
  /** Opens the netlink port; the real one unless told. For tests that inject faults. */
  readonly open?: () => NetlinkPort;
}

/** What a backend has {@link Linux.preflight} look for. */
export interface LinuxPreflightWish extends Pick<BackendInit, 'netConf'> {
  /** Absent while the host is not known; then nothing about its interface is checked. */
  readonly host?: Host;
  readonly signal: AbortSignal;
  /** The kernel's name for the sort of device that is to be made: `vxlan`. */
  readonly kind?: string;
  /**
   * The UDP port of a tunnel, the names of its devices, and the VNI where these are VXLANs: 0 for one that takes it from the
   * routes (`external`). Without a VNI any VXLAN at that port is another's.
   */
  readonly tunnel?: { readonly port: number; readonly vni?: number; readonly names: readonly string[] };
}

/** What a network's objects are known by in {@link Linux.marks}. */
export interface LinuxMarksWish extends Pick<BackendInit, 'netConf' | 'recordedNetworks'> {
  /** The names of the network's devices: permanent entries on them, and addresses inside the networks, are its own. */
  readonly devices?: readonly string[];
}

/**
 * One network namespace of Linux for one agent: its kernel's objects, the reconciler that keeps them as wanted, and what
 * backends need beside. Give it to the backends; close it when they are closed.
 *
 * @throws OverlayError `OVERLAY_NATIVE_MISSING`; KernelError `OVERLAY_NETLINK_OPEN`.
 */
export function openLinux(options: LinuxOptions = {}): Linux {
  return new Linux(options);
}

/** See {@link openLinux}. */
export class Linux {
  readonly instance: string;
  /** Path of the network namespace; undefined for the process's own. */
  readonly netns: string | undefined;
  /** The alias on our devices. */
  readonly alias: string;
  readonly routeProtocol: number;
  readonly reconciler: Reconciler;
  readonly sysctl: Sysctl;
  readonly links: LinkTable;
  readonly session: KernelSession;
  readonly events: KernelEvents;
  readonly #options: LinuxOptions;
  readonly #routeProtocols: ReadonlySet<number>;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #open: () => NetlinkPort;
  readonly #ports = new Set<NetlinkPort>();
  readonly #announcers = new Set<Announcer>();

  constructor(options: LinuxOptions) {
    const { netns, instance = 'default' } = options;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#open = options.open ?? ((): NetlinkPort => openNetlink(netns === undefined ? {} : { netns }));
    this.instance = instance;
    this.netns = netns;
    this.alias = `overlay:${instance}`;
    this.routeProtocol = options.routeProtocol ?? ROUTE_PROTOCOL;
    this.#routeProtocols = new Set([this.routeProtocol, ...(options.formerRouteProtocols ?? [])]);
    this.session = new KernelSession(this.#open);
    this.events = new KernelEvents(this.session, this.#logger, this.#clock);
    // First among the listeners, so that the others find the table as it was at the time of each message.
    this.links = new LinkTable(this.session, this.events);
    const files = netns === undefined ? ownProcFiles : netnsProcFiles(netns);
    this.sysctl = new Sysctl({ mode: options.sysctls ?? 'on', files, logger: this.#logger });
    this.reconciler = new Reconciler({
      kinds: [...this.#ownKinds(new Sysctl({ mode: 'off', files })), ...(options.kinds ?? [])],
      logger: this.#logger,
      clock: this.#clock,
      metrics: options.metrics ?? noMetrics,
      ...(options.auditMs === undefined ? {} : { auditMs: options.auditMs }),
    });
  }

  /**
   * The host on the underlay, followed as it changes, which its neighbours on the link are told of as well: see
   * `Announcer`. Cold: see {@link observeHost}.
   */
  host$(options: InterfaceOptions): Observable<HostState> {
    // A port of its own: what follows the host must not end with what writes objects.
    const port = this.#open();
    this.#ports.add(port);
    const states = observeHost(port, options, { logger: this.#logger, clock: this.#clock });
    return defer(() => {
      const announcer = this.#announcer();
      return states.pipe(
        tap((state) => announcer.follow(state)),
        finalize(() => {
          announcer.close();
          this.#announcers.delete(announcer);
        }),
      );
    });
  }

  /** A device by name, as it is now. */
  async link(name: string): Promise<Link | undefined> {
    await this.links.ready();
    return this.links.byName(name);
  }

  /** The kernel's notifications of multicast groups (`Group`) that {@link events} leaves out. Whoever asks closes it. */
  follow(groups: readonly number[]): KernelEvents {
    return new KernelEvents(this.session, this.#logger, this.#clock, groups);
  }

  /** A route with our marks. */
  route(wish: Pick<RouteObject, 'destination' | 'link' | 'gateway' | 'onlink' | 'prefSrc'>): RouteObject {
    const { destination, link, gateway, onlink, prefSrc } = wish;
    const metric = this.#metric(destination);
    // Written out: a copy by spreading takes three times the memory, and there are 50,000 of them.
    const protocol = this.routeProtocol;
    if (prefSrc !== undefined) return { kind: 'route', destination, link, gateway, onlink, metric, protocol, prefSrc };
    return { kind: 'route', destination, link, gateway, onlink, metric, protocol };
  }

  /** How objects of this agent are known from a previous run. */
  marks({ devices = [], ...networks }: LinuxMarksWish): readonly OwnMark[] {
    const { alias } = this;
    const routeProtocols = this.#routeProtocols;
    const routeMetric = (destination: Prefix): number => this.#metric(destination);
    const common = commonMarks({ alias, routeProtocols, routeMetric, ...networks });
    return devices.length === 0 ? common : [...common, ...deviceMarks(devices, networks)];
  }

  /** Tells which hosts are on this link. With `confirmed` they also have to answer. */
  async adjacency({ confirmed }: { readonly confirmed: boolean }): Promise<Adjacency> {
    const { session, events, links, routeProtocol } = this;
    const onNeighbours = (count: number): void => {
      raiseNeighbourLimits(this.sysctl, count, FAMILIES).then(
        (findings) => findings.forEach(({ message, remedy }) => this.#logger.warn(`${message}; ${remedy}`)),
        (error: unknown) => this.#logger.warn(errorText(error)),
      );
    };
    return Adjacency.open({ session, events, links, routeProtocol, clock: this.#clock, confirmed, onNeighbours });
  }

  /** The settings that the host needs to forward packets of a network's families, as objects. */
  hostSettings(netConf: NetConf): readonly HostSettingsObject[] {
    return FAMILIES.filter((family) => netConf[family] !== undefined).map((family) => ({
      kind: 'host-settings',
      family,
    }));
  }

  /** Makes the host forward packets of the network's families, once. Gives what could not be done. */
  async prepareForwarding(netConf: NetConf): Promise<readonly Finding[]> {
    const families = FAMILIES.filter((family) => netConf[family] !== undefined);
    return (await Promise.all(families.map((family) => this.#prepareForwarding(this.sysctl, family)))).flat();
  }

  /** Looks for what will stop traffic. Changes nothing. */
  async preflight(wish: LinuxPreflightWish): Promise<readonly Finding[]> {
    const { netns } = this.#options;
    const { tunnel, kind, ...rest } = wish;
    return preflightAll({
      ...rest,
      ...(tunnel ? { tunnel: { ...tunnel, devices: await this.#tunnels(tunnel.names) } } : {}),
      ...(kind === undefined ? {} : { device: { kind, netlink: this.session.port } }),
      ...(netns === undefined ? {} : { files: netnsProcFiles(netns), run: netnsRunTool(netns) }),
    });
  }

  /** The interfaces of this host's pods: see `readPodInterfaces`. */
  podInterfaces(
    subnets: PerFamily<Prefix>,
    options: { readonly signal: AbortSignal },
  ): Promise<readonly PodInterface[]> {
    return this.session.use((port) => readPodInterfaces(port, subnets, options));
  }

  /** Stops following and writing. Leaves the kernel as it is. */
  async close(): Promise<void> {
    await this.reconciler.close();
    for (const announcer of this.#announcers) announcer.close();
    this.links.close();
    this.events.close();
    this.session.close();
    for (const port of this.#ports) port.close();
  }

  #announcer(): Announcer {
    const { netns } = this.#options;
    const announcer = new Announcer({
      links: this.links,
      clock: this.#clock,
      logger: this.#logger,
      send: (index, frame) => sendFrame(netns, index, frame),
      isRouter: async (device) => (await this.sysctl.readNumber(`net/ipv6/conf/${device}/forwarding`)) === 1,
    });
    this.#announcers.add(announcer);
    return announcer;
  }

  /** The VXLAN devices that there are, and which of them this agent has or will have. */
  async #tunnels(names: readonly string[]): Promise<TunnelDevice[]> {
    await this.links.ready();
    const devices: TunnelDevice[] = [];
    for (const { name, alias, up, vxlan } of this.links.all()) {
      if (!vxlan) continue;
      devices.push({ name, port: vxlan.port, vni: vxlan.vni, up, own: alias === this.alias || names.includes(name) });
    }
    return devices;
  }

  /** Before IPv6 forwarding is switched on, default routes from router advertisements have to be kept. */
  async #prepareForwarding(sysctl: Sysctl, family: Family): Promise<readonly Finding[]> {
    if (family === 'ipv4') return prepareForwarding(sysctl, { ipv4: true, ipv6: false, ...NO_ROUTES });
    await this.links.ready();
    const names = new Map<number, string>();
    for (const { index, name } of this.links.all()) names.set(index, name);
    const defaultRoutes = await readDefaultRoutes(this.session.port, ['ipv6']);
    return prepareForwarding(sysctl, { ipv4: false, ipv6: true, defaultRoutes, names });
  }

  #metric(destination: RouteObject['destination']): number {
    if (this.#options.routeMetrics === false && addressFamily(destination) === FAMILIES[0]) return 0;
    return routeMetric(addressFamily(destination), destination);
  }

  #ownKinds(readOnly: Sysctl): Kind[] {
    const { session, links, events, sysctl } = this;
    const context = { session, links };
    const settings = { links, sysctl, readOnly, logger: this.#logger };
    const kinds = [
      linkKind({ session, links, events, clock: this.#clock }),
      deviceSettingsKind(settings),
      hostSettingsKind(settings, events, (settled, { family }) => this.#prepareForwarding(settled, family)),
      addressKind(context, events),
      neighbourKind(context, events),
      fdbKind(context, events),
      routeKind(context, events, {
        protocols: this.#routeProtocols,
        metric: (destination) => this.#metric(destination),
      }),
    ];
    return kinds;
  }
}
