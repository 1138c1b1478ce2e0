import type { Profile } from '../suite/profile.js';
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

/** Tests that only some implementations can be asked for, by the files that they are in. */
const OPTIONAL = new Set(['join-dual', 'join-routed', 'join-routed-refused', 'peer-one-family', 'two-instances']);

const core = [...joining, ...peers, ...lifecycle, ...status, ...foreign];

/** What is tested of a backend, in the order in which a failure explains those after it. */
export const BACKEND_PROFILES: readonly Profile<BackendTest>[] = [
  {
    name: 'Core',
    description:
      'hosts are joined; peers come, change and go; it begins, ends and tells how it is as the interface says',
    core: core.filter(({ id }) => !OPTIONAL.has(id)),
    extended: core.filter(({ id }) => OPTIONAL.has(id)),
  },
  {
    name: 'Networking',
    description: 'TCP and UDP of every size pass between pods, whole and unchanged, and no larger size is promised',
    core: sizes,
    extended: [],
  },
  {
    name: 'Healing',
    description: 'what somebody else removes or changes is mended, and the host is followed as it changes',
    core: healing,
    extended: following,
  },
  {
    name: 'Restart',
    description: 'an agent that ends and starts again finds what was there, loses no packet and leaves nothing stale',
    core: restart,
    extended: [],
  },
];
