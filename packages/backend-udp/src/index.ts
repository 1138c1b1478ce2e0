export type {
  DataPath,
  DataPathContext,
  DataPathStatus,
  DropReason,
  OpenDataPath,
  Traffic,
  UdpCounters,
  UdpDevice,
  UdpPeer,
} from './data-path.js';
export { DEVICE } from './data-path.js';
export { endpointId, udpOptions } from './options.js';
export type { DataPathChoice, FilterMode, UdpOptions } from './options.js';
