import { RpcError, STATUS } from '../grpc/rpc-error.js';
import type { Headers } from '../grpc/link.js';
import type { WatchCreateRequest, WatchRequest, WatchResponse } from '../rpc/messages.js';
import { WATCH } from '../rpc/methods.js';
import type { Connection, Stream } from './connection.js';

/** Whom a watch tells. Nothing is told after it was cancelled or has ended. */
export interface WatchHandlers<Failure = Error> {
  response(response: WatchResponse): void;
  /** It has ended without being told to. */
  ended(error: Failure): void;
}

/** What can be said of what a watch was opened with, when it does not do what it should. */
export interface WatchDoubts {
  /** The member is not to be used any longer. */
  leave(): void;
  /** The token is worth nothing any more. */
  refuseToken(): void;
}

/** One watch on one stream. */
export class WatchStream {
  readonly #call: Stream<WatchRequest>;

  /** @throws RpcError when the connection is lost already */
  constructor(
    connection: Connection,
    headers: Headers,
    request: WatchCreateRequest,
    handlers: WatchHandlers<RpcError>,
    private readonly doubts: WatchDoubts,
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

  /** Gives up the member that it is on, unless that has happened already: whatever came after it may be a good one. */
  leave(): void {
    this.doubts.leave();
  }

  /** Has the next one ask for a new token: etcd may refuse a watch for an old one without saying so. */
  refuseToken(): void {
    this.doubts.refuseToken();
  }

  cancel(): void {
    this.#call.cancel();
  }
}
