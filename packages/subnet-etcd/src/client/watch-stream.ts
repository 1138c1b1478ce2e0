import type { ServiceError } from '@grpc/grpc-js';
import type { WatchCreateRequest, WatchRequest, WatchResponse } from '../rpc/messages.js';
import type { Duplex } from './connection.js';

/** Whom a watch tells. Nothing is told after it was cancelled or has ended. */
export interface WatchHandlers<Failure = Error> {
  response(response: WatchResponse): void;
  /** It has ended without being told to. */
  ended(error: Failure): void;
}

/** One watch on one stream. */
export class WatchStream {
  readonly #stream: Duplex<WatchRequest, WatchResponse>;
  #over = false;

  constructor(
    stream: Duplex<WatchRequest, WatchResponse>,
    request: WatchCreateRequest,
    handlers: WatchHandlers<ServiceError>,
  ) {
    this.#stream = stream;
    stream.on('data', (response: WatchResponse) => {
      if (!this.#over) handlers.response(response);
    });
    const end = (error: ServiceError): void => {
      if (this.#over) return;
      this.#over = true;
      handlers.ended(error);
    };
    stream.on('error', end);
    stream.on('end', () => {
      end(
        Object.assign(new Error('the stream has ended'), { code: 14, details: 'the watch was ended' }) as ServiceError,
      );
    });
    stream.write({ create: request });
  }

  /** Asks for a sign of life: a response without events, from etcd 3.4 on. */
  requestProgress(): void {
    if (!this.#over) this.#stream.write({ progress: true });
  }

  cancel(): void {
    this.#over = true;
    this.#stream.cancel();
  }
}
