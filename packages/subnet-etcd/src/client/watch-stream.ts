import type { Call } from '../grpc/call.js';
import { RpcError, STATUS } from '../grpc/rpc-error.js';
import type { Headers } from '../grpc/link.js';
import type { WatchCreateRequest, WatchRequest, WatchResponse } from '../rpc/messages.js';
import { WATCH } from '../rpc/methods.js';
import type { Connection } from './connection.js';

/** Whom a watch tells. Nothing is told after it was cancelled or has ended. */
export interface WatchHandlers<Failure = Error> {
  response(response: WatchResponse): void;
  /** It has ended without being told to. */
  ended(error: Failure): void;
}

/** One watch on one stream. */
export class WatchStream {
  readonly #call: Call<WatchRequest, WatchResponse>;

  /** @throws RpcError when the connection is lost already */
  constructor(
    connection: Connection,
    headers: Headers,
    request: WatchCreateRequest,
    handlers: WatchHandlers<RpcError>,
  ) {
    this.#call = connection.stream(WATCH, headers, {
      message: (response) => handlers.response(response),
      ended: (error) => handlers.ended(error ?? new RpcError(STATUS.unavailable, 'the watch was ended')),
    });
    this.#call.write({ create: request });
  }

  /** Asks for a sign of life: a response without events, from etcd 3.4 on. */
  requestProgress(): void {
    this.#call.write({ progress: true });
  }

  cancel(): void {
    this.#call.cancel();
  }
}
