import { OverlayError } from '../errors.js';

const LONGEST = 256;

/** Whether a text can stand for a host: 1 to 256 characters, none of them a control character. */
export function isHostId(value: unknown): value is string {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  return typeof value === 'string' && value !== '' && value.length <= LONGEST && !/[\0-\x1f\x7f]/.test(value);
}

/** The error of a host identity that cannot be used: `OVERLAY_LEASE_INVALID`. `what`: what was attempted. */
export function hostIdError(what: string): OverlayError {
  return new OverlayError(
    'OVERLAY_LEASE_INVALID',
    `${what}: expected a host identity of 1 to ${LONGEST} characters without control characters; set another (--host-id)`,
  );
}
