// What subnet managers that keep leases in some store have in common.
export { Backoff, jittered, wait } from '../wait.js';
export { hostIdError, isHostId } from './host-id.js';
export type { JunkLogOptions } from './junk-log.js';
export { JunkLog } from './junk-log.js';
export type { KeepersView, LeaseKeeperOptions } from './lease-keeper.js';
export { LeaseKeeper } from './lease-keeper.js';
export type { LeaseMender, Mended } from './lease-mender.js';
export { Lifetime } from './lifetime.js';
export { Patience } from './patience.js';
export { Publications } from './publications.js';
export { Rivals } from './rivals.js';
export { addressText, sameSubnets, subnetsOverlap, subnetsText } from './subnets-text.js';
