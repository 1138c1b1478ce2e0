export type { InterfaceOptions, InterfaceRegex, InterfaceSelection, NamedInterface } from './options.js';
export { parseInterfaceOptions } from './options.js';
export type { DefaultNexthop, DefaultRoute, HostLink, HostLinkAddress, HostSnapshot, ReachAnswer } from './snapshot.js';
export { chooseInterface } from './choose-interface.js';
export type { ObserveHostContext } from './observe-host.js';
export { observeHost } from './observe-host.js';
export type { ReadOptions } from './read-snapshot.js';
export { readDefaultRoutes } from './read-snapshot.js';
