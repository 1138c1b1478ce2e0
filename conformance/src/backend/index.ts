export type { BackendConformanceOptions } from './backend-conformance.js';
export { backendConformance } from './backend-conformance.js';
export type { BackendSubject } from './subject.js';
export type { BackendTest, BackendTestContext } from './context.js';
export type { BackendFeature } from './features.js';
export { BACKEND_FEATURES } from './features.js';
export type { BackendTimeouts } from './timeouts.js';
export { DEFAULT_BACKEND_TIMEOUTS } from './timeouts.js';
export { BACKEND_PROFILES } from './profiles.js';

export type { Counterpart, CounterpartContext, CounterpartPeer } from './interop/counterpart.js';

// Where a backend is tested
export type {
  Attachment,
  BackendEnvironment,
  Disturbance,
  Faults,
  Machine,
  PingAnswer,
  PingWish,
  Pod,
  Site,
  SiteWish,
  TrafficStream,
} from './environment/environment.js';
export { DISTURBANCES } from './environment/environment.js';
export type { FamilyChoice } from './environment/conf.js';
export type { ViewItem } from './environment/view.js';
export { View } from './environment/view.js';
export type { HostLinuxOptions } from './environment/kernel/host-linux-options.js';
export type { KernelEnvironmentOptions } from './environment/kernel/kernel-environment.js';
export type { InProcess } from './environment/kernel/in-process.js';
export { kernelEnvironment } from './environment/kernel/kernel-environment.js';
export { memoryEnvironment } from './environment/memory/memory-environment.js';
