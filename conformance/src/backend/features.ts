import type { BackendSupports } from '@overlay/core';

/** What a backend may or may not be able to do. */
export type BackendFeature = keyof BackendSupports;

/** Every feature that there is. */
export const BACKEND_FEATURES: readonly BackendFeature[] = [
  'checksSource',
  'crossesSubnets',
  'dualStack',
  'encryption',
  'flannelInterop',
  'ipv4',
  'ipv6',
  'survivesAgent',
];

/** The features that a backend has to say something of and does not: each is true or false. */
export function untold(supports: BackendSupports): readonly BackendFeature[] {
  // Whoever does not check sources need not say so.
  const asked = BACKEND_FEATURES.filter((feature) => feature !== 'checksSource' || supports[feature] !== undefined);
  return asked.filter((feature) => typeof supports[feature] !== 'boolean');
}

/** What a backend says of each feature; false for those that it says nothing of. */
export function supportsByFeature(supports: BackendSupports): Readonly<Record<BackendFeature, boolean>> {
  return Object.fromEntries(BACKEND_FEATURES.map((feature) => [feature, supports[feature] === true])) as Readonly<
    Record<BackendFeature, boolean>
  >;
}
