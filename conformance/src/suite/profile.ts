import { OverlayError } from '@overlay/core';
import type { ConformanceTest } from './test-record.js';

/** Tests that belong together. What an implementation must do is in `core`; what it may, in `extended`. */
export interface Profile<Test = ConformanceTest<never, never>> {
  readonly name: string;
  /** What it tells of an implementation, in one line. */
  readonly description: string;
  readonly core: readonly Test[];
  readonly extended: readonly Test[];
}

/** A part of a profile. */
export type ProfileSet = 'core' | 'extended';

/**
 * The profiles of these names, in any case, in the suite's own order; all when none is named.
 *
 * @throws OverlayError `OVERLAY_PROFILE_UNKNOWN`.
 */
export function chooseProfiles<P extends Profile<unknown>>(all: readonly P[], names?: readonly string[]): readonly P[] {
  if (names === undefined) return all;
  const wanted = names.map((name) => name.toLowerCase());
  const unknown = names.find((name) => !all.some((profile) => profile.name.toLowerCase() === name.toLowerCase()));
  if (unknown !== undefined) {
    const known = all.map(({ name }) => name).join(', ');
    throw new OverlayError(
      'OVERLAY_PROFILE_UNKNOWN',
      `profiles: expected some of ${known}, got ${JSON.stringify(unknown)}`,
      { key: 'profiles' },
    );
  }
  return all.filter(({ name }) => wanted.includes(name.toLowerCase()));
}
