import type * as Http2 from 'node:http2';
import type { Endpoint } from '../client/endpoint.js';
import type { TlsContents } from '../client/tls-files.js';
import type { Method } from '../rpc/methods.js';
import type { CallHandlers } from './call.js';
import { Call } from './call.js';

/** Bytes that the server may send before it has to wait for us: a list of leases is megabytes. */
const STREAM_WINDOW = 4 * 1024 * 1024;
const LINK_WINDOW = 16 * 1024 * 1024;
/** Megabytes for streams and what waits in them. Node's limit of 10 ends the connection of many hosts that ask at once. */
const MOST_MEMORY_MB = 1024;
/** A member that vanished without a word. etcd ends connections that ask more often than every 5 s, or for nothing. */
const PING_MS = 30_000;
const PONG_MS = 10_000;

/** What is sent with a call beside its messages. */
export type Headers = Readonly<Record<string, string>>;

/** How long a call may take. */
export interface CallLimit {
  /** Milliseconds for which nothing may be heard of it. */
  readonly silenceMs: number;
  /** Its answer may come in many pieces: the server is told no time by which it has to have ended. */
  readonly long?: boolean;
}

/** One connection of HTTP/2 to one member of etcd, for as many calls as one likes. */
export class Link {
  readonly #session: Http2.ClientHttp2Session;
  readonly #scheme: string;
  readonly #pings: NodeJS.Timeout;
  #pong: NodeJS.Timeout | undefined;
  #calls = 0;
  #closed = false;

  constructor(http2: typeof Http2, endpoint: Endpoint, tls: TlsContents) {
    this.#scheme = endpoint.secure ? 'https' : 'http';
    // An address is sent as no server name (RFC 6066, section 3); the one in the certificate is looked at all the same.
    this.#session = http2.connect(`${this.#scheme}://${endpoint.authority}`, {
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
      maxSessionMemory: MOST_MEMORY_MB,
      ...(endpoint.secure && given(tls)),
    });
    this.#session.once('connect', (session) => {
      if (!session.destroyed) session.setLocalWindowSize(LINK_WINDOW);
    });
    // Every call says it for itself.
    this.#session.on('error', () => undefined);
    this.#session.once('close', () => this.#over());
    this.#pings = setInterval(() => this.#ping(), PING_MS).unref();
  }

  /** Whether another call may be made. Not when it is lost, or the server has said that it is about to go. */
  get usable(): boolean {
    return !this.#closed && !this.#session.closed && !this.#session.destroyed;
  }

  /** @param limit none unless given */
  call<Request, Response>(
    method: Method<Request, Response>,
    headers: Headers,
    handlers: CallHandlers<Response>,
    limit?: CallLimit,
  ): Call<Request, Response> {
    const stream = this.#session.request({
      ':method': 'POST',
      ':scheme': this.#scheme,
      ':path': method.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(limit !== undefined && limit.long !== true && { 'grpc-timeout': `${Math.ceil(limit.silenceMs)}m` }),
      ...headers,
    });
    this.#calls++;
    return new Call(stream, method, handlers, () => this.#ended(), limit?.silenceMs);
  }

  /** Ends it when the last call has ended. */
  close(): void {
    this.#closed = true;
    if (this.#calls === 0) this.#session.destroy();
  }

  #ended(): void {
    this.#calls--;
    // Not before what ended last has told its server.
    if (this.#closed && this.#calls === 0) setImmediate(() => this.#session.destroy());
  }

  #ping(): void {
    if (this.#calls === 0 || this.#session.connecting || !this.usable || this.#pong !== undefined) return;
    this.#pong = setTimeout(() => this.#session.destroy(new Error('it does not answer')), PONG_MS).unref();
    this.#session.ping(() => {
      clearTimeout(this.#pong);
      this.#pong = undefined;
    });
  }

  #over(): void {
    clearInterval(this.#pings);
    clearTimeout(this.#pong);
  }
}

function given({ ca, cert, key }: TlsContents): Http2.SecureClientSessionOptions {
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
