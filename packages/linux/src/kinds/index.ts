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
} from './objects.js';
export { IPV6_DEFAULT_METRIC, PROTOCOL_BOOT, ROUTE_PROTOCOL, routeMetric } from './objects.js';
export { addressKind } from './address-kind.js';
export { fdbKind } from './fdb-kind.js';
export { linkKind } from './link-kind.js';
export { neighbourKind } from './neighbour-kind.js';
export { routeKind } from './route-kind.js';
export { deviceSettingsKind, hostSettingsKind } from './settings-kind.js';
