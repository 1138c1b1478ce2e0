export type { SysctlMode, SysctlOptions, SysctlOutcome } from './sysctl.js';
export { Sysctl, sysctlCommand } from './sysctl.js';
export type { ForwardingOptions } from './forwarding.js';
export { prepareForwarding } from './forwarding.js';
export { effectiveRpFilter, prepareDevice } from './device.js';
export { isInitialNamespace, neighbourLimits, raiseNeighbourLimits } from './neighbour-limits.js';
