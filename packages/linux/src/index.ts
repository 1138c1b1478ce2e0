// One network namespace for one agent
export type { LinuxMarksWish, LinuxOptions, LinuxPreflightWish } from './linux.js';
export { Linux, openLinux } from './linux.js';

// Networks as data
export type { DevicePlan, NetworkContext, NetworkDesign, OwnMark, PeerPlan, PeerWatch } from './network/design.js';
export { DeclarativeNetwork } from './network/declarative-network.js';
export type { DirectRoutesInit } from './network/direct-routes.js';
export { directAddresses, directRoutes } from './network/direct-routes.js';
export { commonMarks, insideNetworks } from './network/marks.js';
export type { MarkOptions } from './network/marks.js';
export type { AdjacencyContext } from './adjacency/adjacency.js';
export { Adjacency } from './adjacency/adjacency.js';
export type { Verdict } from './adjacency/verdict.js';

// The reconciler and its kinds
export type { Claim } from './reconciler/strays.js';
export type { DumpFilter, KernelObject, Kind, KindSink, Outcome, Shadow, Sighting } from './reconciler/kind.js';
export type { ReconcilerOptions } from './reconciler/reconciler.js';
export { Reconciler } from './reconciler/reconciler.js';
export type { Scope, ScopeProblem, ScopeStatus } from './reconciler/scope.js';
export type {
  AddressObject,
  DeviceSettingsObject,
  FdbObject,
  HostSettingsObject,
  LinkObject,
  LinuxObject,
  MacvlanAttributes,
  NeighbourObject,
  RouteObject,
  VethAttributes,
  VxlanAttributes,
} from './kinds/index.js';
export { PROTOCOL_BOOT, ROUTE_PROTOCOL, routeMetric } from './kinds/index.js';
export { CreationLimit } from './kinds/creation-limit.js';

// Netlink
export type { NetlinkMonitor, NetlinkPort, MonitorOptions, RequestOptions, SendFailures } from './netlink/port.js';
export { KernelError, NetlinkError } from './netlink/error.js';
export type { OpenNetlinkOptions } from './netlink/socket.js';
export { openNetlink } from './netlink/socket.js';
export type { NativeAddon } from './native-addon.js';
export { loadAddon } from './native-addon.js';
export type { NetlinkMessage } from './netlink/message.js';
export type { InterfaceAddress } from './netlink/rtnetlink/address.js';
export type { AddrGenMode, Link, MacvlanMode, OperState } from './netlink/rtnetlink/link.js';
export type { Vxlan } from './netlink/rtnetlink/vxlan.js';

// This process
export { releaseProgramPages } from './process/program-pages.js';
export { sendUnixDatagram } from './process/unix-datagram.js';

export type { EventListener, KernelEvents } from './kernel/events.js';
export type { LinkChange, LinkTable } from './kernel/link-table.js';
export type { KernelSession } from './kernel/session.js';
export type { ProcFiles } from './proc/files.js';

// The host
export type {
  DefaultNexthop,
  DefaultRoute,
  HostLink,
  HostLinkAddress,
  HostSnapshot,
  InterfaceOptions,
  InterfaceRegex,
  InterfaceSelection,
  NamedInterface,
  ObserveHostContext,
  ReachAnswer,
} from './host/index.js';
export { chooseInterface, observeHost, parseInterfaceOptions } from './host/index.js';
export type { AcquireInstanceOptions, InstanceHolder, InstanceLock } from './instance/index.js';
export { acquireInstance } from './instance/index.js';
export type { ForwardingOptions, SysctlMode, SysctlOptions, SysctlOutcome } from './sysctl/index.js';
export { prepareForwarding, raiseNeighbourLimits, Sysctl } from './sysctl/index.js';
