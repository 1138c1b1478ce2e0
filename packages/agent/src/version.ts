/** The bundle has its version built in. */
declare const OVERLAY_VERSION: string | undefined;

/** The version of this program. */
export const VERSION = typeof OVERLAY_VERSION === 'string' ? OVERLAY_VERSION : 'development';
