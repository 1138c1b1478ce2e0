import type { Clock, HostState, Logger } from '@overlay/core';
import { silentLogger, systemClock } from '@overlay/core';
import { Observable } from 'rxjs';
import type { NetlinkPort } from '../netlink/port.js';
import { HostFollower } from './host-follower.js';
import type { InterfaceOptions } from './options.js';
import { parseInterfaceOptions } from './options.js';

export interface ObserveHostContext {
  /** Told when the kernel cannot be asked, and when it can again. What the states say is for the subscriber to log. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  /**
   * How often everything is read again in case no notification told of a change, in milliseconds, give or take a tenth.
   * Default 60,000.
   */
  readonly auditMs?: number;
}

/**
 * Follows the interface that carries the overlay: the state now, then each different one. A change is told within about
 * 20 ms of the kernel's notification of it, 100 ms while there are many. The interface may be deleted and come back with
 * another index, change its addresses or MTU, or lose its carrier.
 *
 * Neither completes nor fails: while nothing matches, or the kernel cannot be asked, the state is `waiting`, with the
 * reason. Cold: each subscription listens by itself; unsubscribing ends everything that it began. Not to be re-read for
 * each use, so share it (`shareReplay`) when several parts want it.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID` at once, for options that are wrong.
 */
export function observeHost(
  netlink: NetlinkPort,
  options: InterfaceOptions,
  context: ObserveHostContext = {},
): Observable<HostState> {
  const selection = parseInterfaceOptions(options);
  return new Observable((subscriber) => {
    const follower = new HostFollower(netlink, selection, (state) => subscriber.next(state), {
      logger: context.logger ?? silentLogger,
      clock: context.clock ?? systemClock,
      auditMs: context.auditMs ?? 60_000,
    });
    follower.start();
    return () => follower.stop();
  });
}
