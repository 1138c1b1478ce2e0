import type { Profile } from '../suite/profile.js';
import { beside } from './cases/beside.js';
import { declaring } from './cases/declaring.js';
import { exchanging } from './cases/exchanging.js';
import { following } from './cases/following.js';
import { foreign } from './cases/foreign.js';
import { healing } from './cases/healing.js';
import { interop } from './cases/interop.js';
import { joining } from './cases/joining.js';
import { lifecycle } from './cases/lifecycle.js';
import { peers } from './cases/peers.js';
import { performanceTests } from './cases/performance.js';
import { readingLeases } from './cases/reading-leases.js';
import { restart } from './cases/restart.js';
import { scale } from './cases/scale.js';
import { security } from './cases/security.js';
import { sizes } from './cases/sizes.js';
import { status } from './cases/status.js';
import type { BackendTest } from './context.js';

/** What a backend may do, or need not do at once with the rest, by the ids of the tests. */
const EXTENDED = new Set([
  ...['join-dual', 'join-routed', 'join-routed-refused', 'peer-one-family'],
  ...['two-instances', 'close-removes-beside', 'reopens-in-place'],
  ...['refuse-ipv4', 'refuse-ipv6', 'refuse-dual'],
  'larger-than-mtu',
  ...['host-interface-again', 'host-address-changed', 'host-mtu-changed', 'heal-again'],
  'restart-host-moved',
  'scale-tens-of-thousands',
]);

function profile(name: string, description: string, tests: readonly BackendTest[]): Profile<BackendTest> {
  return {
    name,
    description,
    core: tests.filter(({ id }) => !EXTENDED.has(id)),
    extended: tests.filter(({ id }) => EXTENDED.has(id)),
  };
}

/** What is tested of a backend, in the order in which a failure explains those after it. */
export const BACKEND_PROFILES: readonly Profile<BackendTest>[] = [
  profile(
    'Core',
    'hosts are joined; peers come, change and go; it begins, ends and tells how it is as the interface says',
    [
      ...[...declaring, ...joining, ...peers, ...readingLeases],
      ...[...lifecycle, ...exchanging, ...beside, ...status, ...foreign],
    ],
  ),
  profile('Networking', 'TCP and UDP of every size pass between pods unchanged, and no larger size is promised', sizes),
  profile('Healing', 'what somebody else removes or changes is mended, and the host is followed as it changes', [
    ...healing,
    ...following,
  ]),
  profile('Restart', 'an agent that ends and starts again finds what was there, and leaves nothing stale', restart),
  profile('Scale', 'thousands of peers are carried, and a change costs what the change is worth', scale),
  profile('Interop', 'hosts of another implementation are reached, and reach this one', interop),
  profile('Security', 'what peers publish is not trusted, and what they send only as far as was promised', security),
  profile('Performance', 'packets are carried at a rate that is no sign of trouble', performanceTests),
];
