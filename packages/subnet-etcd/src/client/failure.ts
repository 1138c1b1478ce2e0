import { OverlayError } from '@overlay/core';
import { RpcError, STATUS } from '../grpc/rpc-error.js';

/** Whether another member, or a new connection, may well do better. */
export function isConnectionTrouble({ code }: RpcError): boolean {
  return (
    code === STATUS.unavailable ||
    code === STATUS.deadlineExceeded ||
    code === STATUS.internal ||
    code === STATUS.unknown ||
    code === STATUS.cancelled
  );
}

/**
 * Whether a token has expired, is of a time before users were changed, or is needed at last. (etcd's errors are told
 * apart by their texts: etcdserver/api/v3rpc/rpctypes/error.go.)
 */
export function isTokenRefused({ code, details }: RpcError): boolean {
  return code === STATUS.unauthenticated || /invalid auth token|auth store is old|user name is empty/.test(details);
}

/** Whether an error of the client says that a revision that was asked for is no longer there. */
export function isCompacted(error: unknown): boolean {
  const cause = error instanceof OverlayError ? error.cause : undefined;
  return cause instanceof RpcError && /revision has been compacted/.test(cause.details);
}

/** The answer to a user or a password that is wrong. */
export function isPasswordRefused({ code, details }: RpcError): boolean {
  return code === STATUS.invalidArgument && /authentication failed/.test(details);
}

/** The answer to a password when the cluster has no users at all. */
export function isAuthDisabled({ code, details }: RpcError): boolean {
  return code === STATUS.failedPrecondition && /authentication is not enabled/.test(details);
}

/**
 * The error for the caller, of one of these codes: `OVERLAY_STORE_REFUSED`, a person has to mend it (rights, password);
 * `OVERLAY_STORE_FULL`, it takes no writes; `OVERLAY_STORE_UNAVAILABLE`, everything else.
 *
 * @param what what was attempted: `reading leases`
 */
export function storeError(what: string, endpoint: string, cause: RpcError): OverlayError {
  const { code, details } = cause;
  const text = details.replace(/^etcdserver: /, '').replaceAll(/\s+/g, ' ');
  const start = `${what}: etcd at ${endpoint}`;
  if (code === STATUS.permissionDenied) {
    return new OverlayError('OVERLAY_STORE_REFUSED', refusal(start), { cause });
  }
  if (code === STATUS.unauthenticated || code === STATUS.invalidArgument) {
    const hint = 'check the user and the password that were given for etcd';
    return new OverlayError('OVERLAY_STORE_REFUSED', `${start} refuses it (${text}); ${hint}`, { cause });
  }
  if (code === STATUS.resourceExhausted && /database space exceeded/.test(details)) {
    const hint = 'compact and defragment it, then disarm its NOSPACE alarm';
    return new OverlayError('OVERLAY_STORE_FULL', `${start} is out of space; ${hint}`, { cause });
  }
  const why = code === STATUS.deadlineExceeded ? 'it does not answer' : text || 'the connection was lost';
  return new OverlayError('OVERLAY_STORE_UNAVAILABLE', `${start}: ${why}`, { cause });
}

/** What is said when rights are missing. */
export function refusal(start: string): string {
  return `${start} does not permit it; grant the user's role readwrite on everything under the prefix`;
}
