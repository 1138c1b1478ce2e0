import { following } from './cases/following.js';
import { foreign } from './cases/foreign.js';
import { healing } from './cases/healing.js';
import { joining } from './cases/joining.js';
import { lifecycle } from './cases/lifecycle.js';
import { peers } from './cases/peers.js';
import { restart } from './cases/restart.js';
import { sizes } from './cases/sizes.js';
import { status } from './cases/status.js';
import type { BackendTest } from './context.js';

/** All tests of a backend, in the order in which a failure explains those after it. */
export const BACKEND_TESTS: readonly BackendTest[] = [
  ...joining,
  ...sizes,
  ...peers,
  ...lifecycle,
  ...status,
  ...foreign,
  ...restart,
  ...healing,
  ...following,
];
