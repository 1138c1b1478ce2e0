import { OverlayError } from '@overlay/core';

/** The error of an implementation that leaves out whether it has a feature. */
export function featureUntold(what: string, feature: string, got: unknown): OverlayError {
  return new OverlayError(
    'OVERLAY_FEATURE_UNTOLD',
    `${what}: ${feature}: expected true or false, got ${JSON.stringify(got) ?? 'nothing'}; say of each feature whether you have it`,
    { key: 'supports' },
  );
}
