import { abortError } from '@overlay/core';
import type { Call, CallHandlers } from '../grpc/call.js';
import type { CallLimit, Headers } from '../grpc/link.js';
import { Link } from '../grpc/link.js';
import { RpcError, STATUS } from '../grpc/rpc-error.js';
import type { Share } from '../grpc/shared-links.js';
import type { SharedLinks } from '../grpc/shared-links.js';
import type { Method } from '../rpc/methods.js';
import type { Endpoint } from './endpoint.js';
import type { TlsContents } from './tls-files.js';

/** How a call is made. */
export interface CallOptions {
  readonly headers: Headers;
  /** Milliseconds for which nothing may be heard. */
  readonly timeoutMs: number;
  /** The answer may come in many pieces: as long as they come it may take as long as it does. */
  readonly long?: boolean;
  readonly signal: AbortSignal;
}

/** A call of many questions and answers. */
export interface Stream<Request> {
  write(request: Request): void;
  /** Ends it; nothing is told any more. */
  cancel(): void;
}

/** One connection to one member of etcd, with the certificates that were there when it was made. */
export class Connection {
  readonly #streams = new Set<{ fail(error: RpcError): void }>();
  #closed = false;

  /**
   * HTTP/2 is loaded when the first connection is made, which no agent on a store without one ever does.
   *
   * @param links for connections without TLS, which are nobody's in particular: who asks is told by each call
   */
  static async open(endpoint: Endpoint, tls: TlsContents, links?: SharedLinks): Promise<Connection> {
    const http2 = await import('node:http2');
    const make = (): Link => new Link(http2, endpoint, tls);
    if (!endpoint.secure && links !== undefined) {
      return new Connection(endpoint, tls, links.open(endpoint.authority, make));
    }
    const link = make();
    return new Connection(endpoint, tls, { link, doubt: () => undefined, close: () => link.close() });
  }

  private constructor(
    readonly endpoint: Endpoint,
    readonly tls: TlsContents,
    private readonly share: Share,
  ) {}

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether it is worth asking here: it is not closed, and neither lost nor about to be. */
  get usable(): boolean {
    return !this.#closed && this.share.link.usable;
  }

  /** One question, one answer. @throws RpcError; OverlayError `OVERLAY_ABORTED` */
  unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    return this.#ask(method, request, options, false);
  }

  /** One question and its first answer by a method that is a stream. @throws as {@link unary} */
  first<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    return this.#ask(method, request, options, true);
  }

  /** Many questions and answers, until the connection is closed: that ends it, too. @throws RpcError when it is closed */
  stream<Request, Response>(
    method: Method<Request, Response>,
    headers: Headers,
    handlers: CallHandlers<Response>,
  ): Stream<Request> {
    const call = this.#call(method, headers, {
      message: (message) => handlers.message(message),
      ended: (error) => {
        this.#streams.delete(call);
        handlers.ended(error);
      },
    });
    this.#streams.add(call);
    return {
      write: (request) => call.write(request),
      cancel: () => {
        this.#streams.delete(call);
        call.cancel();
      },
    };
  }

  /** Ends all streams, and tells them; questions under way still get their answers. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of [...this.#streams]) stream.fail(new RpcError(STATUS.unavailable, 'the connection was left'));
    this.share.close();
  }

  /** Closes it, because it has failed or is about to. */
  leave(): void {
    this.share.doubt();
    this.close();
  }

  #ask<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { headers, timeoutMs, long = false, signal }: CallOptions,
    onlyFirst: boolean,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      let answer: { readonly message: Response } | undefined;
      const done = (error?: RpcError): void => {
        signal.removeEventListener('abort', stopped);
        if (signal.aborted) reject(abortError(`asking etcd at ${this.endpoint.text}`, signal));
        else if (error !== undefined) reject(error);
        else if (answer === undefined) reject(new RpcError(STATUS.internal, 'there is no message in its answer'));
        else resolve(answer.message);
      };
      const handlers = {
        message: (message: Response): void => {
          answer ??= { message };
          if (!onlyFirst) return;
          call.cancel();
          done();
        },
        ended: done,
      };
      const call = this.#call(method, headers, handlers, { silenceMs: timeoutMs, long });
      const stopped = (): void => {
        call.cancel();
        done();
      };
      signal.addEventListener('abort', stopped, { once: true });
      call.end(request);
    });
  }

  #call<Request, Response>(
    method: Method<Request, Response>,
    headers: Headers,
    handlers: CallHandlers<Response>,
    limit?: CallLimit,
  ): Call<Request, Response> {
    if (!this.usable) throw new RpcError(STATUS.unavailable, 'the connection was lost');
    return this.share.link.call(method, headers, handlers, limit);
  }
}
