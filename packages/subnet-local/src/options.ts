import type { Clock, ConfigEvent, Logger, NetConf } from '@overlay/core';
import { OverlayError, silentLogger, systemClock } from '@overlay/core';
import type { Observable } from 'rxjs';

/** What a {@link LocalSubnetManager} works with, whatever its configuration comes from. */
export interface LocalStoreOptions {
  /** The directory with the leases. It is made when the first lease is acquired. Hard links must be possible in it. */
  readonly directory: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Milliseconds for which a lease is taken and renewed. At least 100; 24 hours unless told, as flannel's. */
  readonly ttlMs?: number;
  /** Milliseconds before its end at which a lease is renewed: 1 hour unless told, at most half of `ttlMs`. */
  readonly renewMarginMs?: number;
  /**
   * Milliseconds that a peer's lease which has ended is still believed in and not removed: 30 s unless told, at most
   * half of `ttlMs`. After the machine was suspended all leases seem to have ended, and are about to be renewed.
   */
  readonly graceMs?: number;
  /** Milliseconds between two looks at the whole directory, for what no notification told. 10 s unless told. */
  readonly pollMs?: number;
}

/** {@link LocalStoreOptions} and the network's configuration: a fixed one, or one that follows a file. */
export type LocalSubnetManagerOptions = LocalStoreOptions &
  (
    | { readonly config$: Observable<ConfigEvent>; readonly netConf?: undefined }
    | { readonly netConf: NetConf; readonly config$?: undefined }
  );

/** The options with their defaults. @throws OverlayError `OVERLAY_OPTION_INVALID` with the `key` that is wrong */
export function completeOptions(options: LocalSubnetManagerOptions): Required<LocalStoreOptions> {
  const { directory, clock = systemClock, logger = silentLogger, ttlMs = 24 * 3_600_000 } = options;
  if (typeof directory !== 'string' || directory === '') {
    throw invalid('directory', 'the path of a directory', directory);
  }
  atLeast('ttlMs', ttlMs, 100);
  const { renewMarginMs = Math.min(3_600_000, ttlMs / 2), graceMs = Math.min(30_000, ttlMs / 2) } = options;
  const { pollMs = 10_000 } = options;
  atLeast('renewMarginMs', renewMarginMs, 0);
  if (renewMarginMs >= ttlMs) throw invalid('renewMarginMs', `less than ttlMs, which is ${ttlMs}`, renewMarginMs);
  atLeast('graceMs', graceMs, 0);
  atLeast('pollMs', pollMs, 10);
  return { directory, clock, logger, ttlMs, renewMarginMs, graceMs, pollMs };
}

function atLeast(key: string, value: number, least: number): void {
  if (!(Number.isFinite(value) && value >= least)) throw invalid(key, `a number of at least ${least}`, value);
}

function invalid(key: string, expected: string, got: unknown): OverlayError {
  return new OverlayError(
    'OVERLAY_OPTION_INVALID',
    `LocalSubnetManager: ${key}: expected ${expected}, got ${JSON.stringify(got)}`,
    { key },
  );
}
