import { acquiring } from './cases/acquiring.js';
import { endings } from './cases/endings.js';
import { watching } from './cases/watching.js';
import type { SubnetManagerTest } from './context.js';

/** All tests of a subnet manager. */
export const SUBNET_MANAGER_TESTS: readonly SubnetManagerTest[] = [...acquiring, ...watching, ...endings];
