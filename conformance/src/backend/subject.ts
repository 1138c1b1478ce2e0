import type { BackendFactory, JsonObject } from '@overlay/core';
import type { Implementation } from '../report/implementation.js';
import type { BackendEnvironment } from './environment/environment.js';
import type { Counterpart } from './interop/counterpart.js';
import type { BackendTimeouts } from './timeouts.js';

/** A backend as the suite is told of it. `Platform` is what the environment gives its factory. */
export interface BackendSubject<Platform> {
  /** Under which name the results appear: the implementation's project and the mode unless told. */
  readonly name?: string;
  /** Who made it; a report needs it. */
  readonly implementation?: Implementation;
  /** Which of its ways to be configured this is: `direct-routing`. `default` unless told. */
  readonly mode?: string;
  readonly environment: BackendEnvironment<Platform>;
  /** Makes the backend for one host; called many times. */
  readonly factory: (platform: Platform) => BackendFactory;
  /** Options of `Backend` in net-conf.json, without `Type`. */
  readonly options?: JsonObject;
  /**
   * Options with which a second network of the type can run beside the first on one host. Leave it out for a type of which
   * there can be only one.
   */
  readonly beside?: JsonObject;
  /** A second implementation of the type, for the profile Interop. The suite knows some: vxlan and host-gw. */
  readonly counterpart?: Counterpart;
  readonly timeouts?: Partial<BackendTimeouts>;
}
