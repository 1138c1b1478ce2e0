export type { ProberOptions } from './prober.js';
export { Prober } from './prober.js';
export type { EchoRequest, EchoSender, PathReport, PathState, Reachability } from './types.js';
