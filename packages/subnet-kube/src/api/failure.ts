import type { OverlayErrorOptions } from '@overlay/core';
import { OverlayError } from '@overlay/core';
import type { StatusText } from '../protobuf/envelope.js';

/**
 * A question to the API server that came to nothing. `code` is `OVERLAY_STORE_REFUSED` when a person has to mend it
 * (rights, a token), else `OVERLAY_STORE_UNAVAILABLE`.
 */
export class ApiFailure extends OverlayError {
  /** As of HTTP; undefined when there was no answer. */
  readonly status?: number;

  constructor(code: string, message: string, options: OverlayErrorOptions & { readonly status?: number } = {}) {
    super(code, message, options);
    if (options.status !== undefined) this.status = options.status;
  }
}

/** Nothing came back, or not everything. */
export function unanswered(what: string, server: string, cause: unknown): ApiFailure {
  return new ApiFailure('OVERLAY_STORE_UNAVAILABLE', `${what}: the API server at ${server}: ${reasonOf(cause)}`, {
    cause,
  });
}

/** An answer that is a refusal. */
export function refused(what: string, server: string, { message, code: status }: StatusText): ApiFailure {
  const start = `${what}: the API server at ${server}`;
  const text = message.replaceAll(/\s+/g, ' ') || `status ${status}`;
  if (status === 401) {
    const hint = 'check the token or the certificate that it is asked with';
    return new ApiFailure('OVERLAY_STORE_REFUSED', `${start} does not know who asks (${text}); ${hint}`, { status });
  }
  if (status === 403) {
    const hint = 'grant get, list and watch on nodes, patch on nodes/status and get on pods';
    return new ApiFailure('OVERLAY_STORE_REFUSED', `${start} does not permit it (${text}); ${hint}`, { status });
  }
  return new ApiFailure('OVERLAY_STORE_UNAVAILABLE', `${start}: ${text}`, { status });
}

/** The HTTP status of what was thrown, if it was an answer of the API server. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof ApiFailure ? error.status : undefined;
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // A connection to a name with several addresses fails once for each of them, and says nothing itself.
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0]);
  return cause.message.replace(/^request to \S+ failed, reason: /, '').replaceAll(/\s+/g, ' ') || cause.name;
}
