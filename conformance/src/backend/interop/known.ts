import type { Counterpart } from './counterpart.js';
import { hostGwByHand } from './host-gw.js';
import { udpByHand } from './udp.js';
import { vxlanByHand } from './vxlan.js';

/** The second implementations that the suite brings. */
export const KNOWN_COUNTERPARTS: readonly Counterpart[] = [vxlanByHand, hostGwByHand, udpByHand];
