/** The export that `overlayd --backend-module` takes. */
export { macvlan, macvlan as backend } from './macvlan.js';
