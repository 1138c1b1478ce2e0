import type { Implementation } from '../report/implementation.js';
import type { SubnetManagerSupports } from './features.js';
import type { StoreUnderTest } from './store-under-test.js';
import type { SubnetManagerTimeouts } from './timeouts.js';

/** A subnet manager as the suite is told of it. */
export interface SubnetManagerSubject {
  /** Under which name the results appear: the implementation's project and the mode unless told. */
  readonly name?: string;
  /** Who made it; a report needs it. */
  readonly implementation?: Implementation;
  /** Which of its ways to be configured this is. `default` unless told. */
  readonly mode?: string;
  /** What the leases are kept in, for the report: `etcd 3.5.16`. `store` unless told. */
  readonly environment?: string;
  /** Makes an empty store; called for each test. */
  readonly create: () => Promise<StoreUnderTest>;
  /** Ends what the stores have shared, a server; called when all tests have ended, also if none has begun. */
  readonly end?: () => Promise<void>;
  readonly supports: SubnetManagerSupports;
  readonly timeouts?: Partial<SubnetManagerTimeouts>;
}
