// What subnet managers that keep leases in some store have in common.
export { Backoff, jittered, wait } from '../wait.js';
export { Patience } from './patience.js';
export { Publications } from './publications.js';
export { Rivals } from './rivals.js';
export { addressText, subnetsOverlap, subnetsText } from './subnets-text.js';
