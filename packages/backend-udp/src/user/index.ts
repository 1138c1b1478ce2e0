export { userPath } from './user-path.js';
