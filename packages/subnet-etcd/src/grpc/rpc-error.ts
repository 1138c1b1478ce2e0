/** gRPC's status codes that matter here (grpc/status.h). */
export const STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** A call that ended without success: the server's status, or the nearest one to what happened on the way. */
export class RpcError extends Error {
  override readonly name = 'RpcError';

  /**
   * @param code one of {@link STATUS}, or another one of gRPC's
   * @param details the server's text, or what happened
   */
  constructor(
    readonly code: number,
    readonly details: string,
    options?: ErrorOptions,
  ) {
    super(details, options);
  }
}
