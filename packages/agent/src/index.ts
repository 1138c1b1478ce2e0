export type { BackendModule, BackendModuleContext } from './plug-ins/backend-modules.js';
export { overlay } from './overlay.js';
export { overlayd } from './overlayd.js';
export type { Settings } from './flags/settings.js';
export { readSettings } from './flags/settings.js';
