export type { FaultyOperation, InjectedFault, NetlinkFault } from '../netlink/faulty.js';
export { FaultyNetlink } from '../netlink/faulty.js';
