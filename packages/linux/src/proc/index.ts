export type { ProcFiles } from './files.js';
export { ownProcFiles } from './files.js';
export { netnsProcFiles } from './netns-files.js';
