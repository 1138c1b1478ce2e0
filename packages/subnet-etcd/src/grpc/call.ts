import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Method } from '../rpc/methods.js';
import { afterReading } from './after-reading.js';
import { frame, FrameReader } from './framing.js';
import { RpcError, STATUS } from './rpc-error.js';

/** Whom a call tells. Nothing is told after it was cancelled, or has ended. */
export interface CallHandlers<Response> {
  message(message: Response): void;
  /** @param error undefined when the server says that all went well */
  ended(error: RpcError | undefined): void;
}

/** CANCEL of RFC 9113, section 7. */
const CANCEL = 8;

/** One call of one method: a stream of HTTP/2, of which gRPC makes messages and a status. */
export class Call<Request, Response> {
  readonly #stream: ClientHttp2Stream;
  readonly #method: Method<Request, Response>;
  readonly #handlers: CallHandlers<Response>;
  readonly #frames = new FrameReader();
  #timer: NodeJS.Timeout | undefined;
  #cancelLook: (() => void) | undefined;
  /** When anything was heard of it, in milliseconds of `performance.now`. */
  #heardAt = performance.now();
  /** What the server says about the end, as soon as it has. */
  #status: RpcError | 'ok' | undefined;
  #trouble: Error | undefined;
  #over = false;

  /**
   * @param silenceMs how long nothing may be heard of it; no limit unless given
   * @param gone told once, however it ends, before anybody else is told
   */
  constructor(
    stream: ClientHttp2Stream,
    method: Method<Request, Response>,
    handlers: CallHandlers<Response>,
    private readonly gone: () => void,
    silenceMs?: number,
  ) {
    this.#stream = stream;
    this.#method = method;
    this.#handlers = handlers;
    if (silenceMs !== undefined) this.#listen(silenceMs, silenceMs);
    stream.on('response', (headers) => this.#begin(headers));
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('trailers', (headers: IncomingHttpHeaders) => this.#takeStatus(headers));
    stream.on('error', (error: Error) => (this.#trouble = error));
    stream.on('end', () => {
      if (this.#status !== undefined) this.#finish();
    });
    stream.on('close', () => this.#finish());
  }

  write(request: Request): void {
    if (!this.#over && !this.#stream.writableEnded) this.#stream.write(frame(this.#method.encode(request)));
  }

  /** The last request, or only one. */
  end(request: Request): void {
    if (!this.#over && !this.#stream.writableEnded) this.#stream.end(frame(this.#method.encode(request)));
  }

  cancel(): void {
    if (this.#settle()) this.#stream.close(CANCEL);
  }

  /** Ends it on this side, and tells that it ended so. */
  fail(error: RpcError): void {
    if (!this.#settle()) return;
    this.#stream.close(CANCEL);
    this.#handlers.ended(error);
  }

  #begin(headers: IncomingHttpHeaders): void {
    this.#hear();
    const status = (headers as { readonly ':status'?: number })[':status'];
    if (status !== 200) this.fail(new RpcError(STATUS.unavailable, `it answers with the HTTP status ${status}`));
    // An answer without messages is one block of headers, with the status among them.
    else if (headers['grpc-status'] !== undefined) this.#takeStatus(headers);
  }

  #takeStatus(headers: IncomingHttpHeaders): void {
    const code = Number(headers['grpc-status'] ?? STATUS.unknown);
    this.#status = code === STATUS.ok ? 'ok' : new RpcError(code, readable(String(headers['grpc-message'] ?? '')));
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    this.#hear();
    try {
      for (const message of this.#frames.take(chunk)) {
        const decoded = this.#method.decode(message);
        if (!this.#isOver()) this.#handlers.message(decoded);
      }
    } catch (error) {
      this.fail(error instanceof RpcError ? error : new RpcError(STATUS.internal, String(error), { cause: error }));
    }
  }

  #hear(): void {
    this.#heardAt = performance.now();
  }

  #listen(ms: number, silenceMs: number): void {
    const doubt = (): void => {
      const left = this.#heardAt + silenceMs - performance.now();
      if (left > 0) this.#listen(left, silenceMs);
      else this.fail(new RpcError(STATUS.deadlineExceeded, `nothing is heard for ${silenceMs} ms`));
    };
    this.#timer = setTimeout(() => (this.#cancelLook = afterReading(doubt)), ms);
  }

  #finish(): void {
    if (!this.#settle()) return;
    // The server may end what this side has not ended.
    if (!this.#stream.writableEnded) this.#stream.close();
    this.#handlers.ended(this.#ending());
  }

  #ending(): RpcError | undefined {
    if (this.#status !== undefined && this.#status !== 'ok') return this.#status;
    if (this.#status === 'ok' && !this.#frames.pending) return undefined;
    const cause = this.#trouble;
    return new RpcError(STATUS.unavailable, cause === undefined ? 'the connection was lost' : reason(cause), { cause });
  }

  /** Ends it on this side. False when it had ended. */
  #settle(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#cancelLook?.();
    this.gone();
    return true;
  }

  /** A handler may have cancelled it. */
  #isOver(): boolean {
    return this.#over;
  }
}

/** gRPC writes whatever is not printable ASCII as in URLs. */
function readable(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A name with several addresses fails with an error for each of them. */
function reason(error: Error): string {
  if (error instanceof AggregateError && error.message === '')
    return error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; ');
  return error.message;
}
