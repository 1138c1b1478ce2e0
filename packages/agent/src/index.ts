export type { BackendModule, BackendModuleContext } from './plug-ins/backend-modules.js';
export { overlay } from './overlay.js';
export { overlayd } from './overlayd.js';
export type { LogFormat, LogLevel, Request, Settings } from './flags/settings.js';
export type {
  EtcdStoreSettings,
  KubeStoreSettings,
  LeaseTimes,
  LocalStoreSettings,
  StoreSettings,
} from './flags/store-settings.js';
export { readSettings } from './flags/settings.js';
