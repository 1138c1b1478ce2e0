export { errnoName, errnoNumber, KernelError, NetlinkError } from './error.js';
export type { NetlinkMessage } from './message.js';
export { eachMessage, firstMessage } from './message.js';
export { readNetnsFile, writeNetnsFile } from './netns-file.js';
export type { MonitorOptions, NetlinkMonitor, NetlinkPort, RequestOptions, SendFailures } from './port.js';
export type { Write } from './protocol.js';
export { AddressFamily, Group, MessageFlag, MessageType } from './protocol.js';
export type { AddressFilter, AddressKey, AddressSpec, InterfaceAddress } from './rtnetlink/address.js';
export { decodeAddress, deleteAddress, dumpAddresses, newAddress } from './rtnetlink/address.js';
export { describeRequest } from './rtnetlink/describe.js';
export type { FdbEntry, FdbFilter, FdbKey, FdbSpec } from './rtnetlink/fdb.js';
export { decodeFdb, deleteFdb, dumpFdb, getFdb, newFdb } from './rtnetlink/fdb.js';
export type {
  AddrGenMode,
  Link,
  LinkChanges,
  LinkFilter,
  LinkRef,
  LinkSpec,
  MacvlanMode,
  OperState,
} from './rtnetlink/link.js';
export { decodeLink, deleteLink, dumpLinks, getLink, linkMessageFamily, newLink, setLink } from './rtnetlink/link.js';
export type { NeighbourState } from './rtnetlink/neighbour-message.js';
export type { Neighbour, NeighbourFilter, NeighbourKey, NeighbourSpec } from './rtnetlink/neighbour.js';
export { decodeNeighbour, deleteNeighbour, dumpNeighbours, getNeighbour, newNeighbour } from './rtnetlink/neighbour.js';
export type { RouteScope, RouteType } from './rtnetlink/route-names.js';
export { RouteProtocol, RouteTable } from './rtnetlink/route-names.js';
export { MessageRoom } from './rtnetlink/message-room.js';
export type { NexthopSpec, RouteFilter, RouteLookup, RouteMatch, RouteSpec } from './rtnetlink/route-requests.js';
export { deleteRoute, dumpRoutes, lookupRoute, newRoute } from './rtnetlink/route-requests.js';
export type { Nexthop, Route } from './rtnetlink/route.js';
export { decodeRoute } from './rtnetlink/route.js';
export type { Direction, Filter, FilterKey, FilterSpec, Qdisc } from './rtnetlink/traffic-control.js';
export {
  decodeFilter,
  decodeQdisc,
  deleteClsact,
  deleteFilter,
  dumpFilters,
  dumpQdiscs,
  newClsact,
  newFilter,
  tryClsact,
} from './rtnetlink/traffic-control.js';
export type { Vxlan, VxlanDf, VxlanSpec } from './rtnetlink/vxlan.js';
export type { OpenNetlinkOptions } from './socket.js';
export { openNetlink } from './socket.js';
