export type {
  DataPath,
  DataPathContext,
  DataPathStatus,
  DropReason,
  OpenDataPath,
  PeerTraffic,
  Traffic,
  UdpCounters,
  UdpDevice,
  UdpPeer,
} from './data-path.js';
export { DEVICE } from './data-path.js';
export { endpointId, udpOptions } from './options.js';
export type { DataPathChoice, FilterMode, UdpOptions } from './options.js';
export type { Attachment } from './kernel/attachments.js';
export { Attachments } from './kernel/attachments.js';
export { removePrograms } from './kernel/remove-programs.js';
export { udp } from './backend.js';
export type { UdpComponents } from './backend.js';
export { UdpNetwork } from './udp-network.js';
export type { UdpNetworkStatus } from './udp-network.js';
export { udpLease } from './lease.js';
export type { UdpLeaseInit } from './lease.js';
