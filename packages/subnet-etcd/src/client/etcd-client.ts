import type { Clock, Logger } from '@overlay/core';
import { abortError, errorCode, errorText, OverlayError, throwIfAborted } from '@overlay/core';
import type { Headers } from '../grpc/link.js';
import { RpcError, STATUS } from '../grpc/rpc-error.js';
import type {
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
  WatchCreateRequest,
  WatchResponse,
} from '../rpc/messages.js';
import type { Grant, Method } from '../rpc/methods.js';
import { LEASE_GRANT, LEASE_KEEP_ALIVE, LEASE_REVOKE, RANGE, TXN } from '../rpc/methods.js';
import type { CallOptions } from './connection.js';
import { Connection } from './connection.js';
import type { Endpoint } from './endpoint.js';
import type { EtcdConnections } from './etcd-connections.js';
import { linksOf } from './etcd-connections.js';
import { isConnectionTrouble, isTokenRefused, storeError } from './failure.js';
import { TimeLimit } from './time-limit.js';
import type { TlsFiles } from './tls-files.js';
import { readTlsFiles, sameTlsContents } from './tls-files.js';
import type { User } from './token.js';
import { TokenKeeper } from './token.js';
import type { WatchHandlers } from './watch-stream.js';
import { WatchStream } from './watch-stream.js';

export interface EtcdClientOptions {
  readonly endpoints: readonly Endpoint[];
  readonly tls: TlsFiles;
  readonly user?: User;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds until a question of which nothing is heard counts as lost; longer while that happens in a row. */
  readonly timeoutMs: number;
  /** Milliseconds between two looks at the certificate files. */
  readonly certificateMs: number;
  /** What this client shares with others. */
  readonly connections?: EtcdConnections;
}

/** What is to be said when something fails, and what ends it. */
interface Attempt {
  readonly what: string;
  readonly signal: AbortSignal;
}

/** Until a list of many thousands of leases begins it may take this many times as long as an answer to a small question. */
const LIST_FACTOR = 3;

/** How a question is asked. */
interface Asking {
  /** How many times the usual limit nothing may be heard. 1 unless told. */
  readonly times?: number;
  /** As of {@link CallOptions}. */
  readonly long?: boolean;
}

const SMALL: Asking = {};
const LIST: Asking = { times: LIST_FACTOR, long: true };

/**
 * A client of etcd's v3 API, as much of it as leases need. It holds one connection, to one member; when that fails it
 * goes on to the next one with the certificates and the password as they are then. It repeats nothing by itself but a
 * question whose token was refused: whoever asks knows best what to do meanwhile.
 */
export class EtcdClient {
  /** How long may pass until something is heard, with all of this client's questions in view. */
  readonly limit: TimeLimit;

  readonly #options: EtcdClientOptions;
  readonly #token: TokenKeeper;
  #at: number;
  #connection: Promise<Connection> | undefined;
  #current: Connection | undefined;
  #cancelLook: (() => void) | undefined;
  readonly #closing = new AbortController();

  constructor(options: EtcdClientOptions) {
    this.#options = options;
    this.limit = new TimeLimit(options.timeoutMs);
    this.#token = new TokenKeeper(options.user, options.clock);
    // Hosts of one cluster spread over its members.
    this.#at = Math.floor(Math.random() * options.endpoints.length);
  }

  /** All endpoints, for messages. */
  get name(): string {
    return this.#options.endpoints.map(({ text }) => text).join(', ');
  }

  range(request: RangeRequest, attempt: Attempt): Promise<RangeResponse> {
    return this.#call(RANGE, request, attempt, request.rangeEnd === undefined ? SMALL : LIST);
  }

  /** Does the operations if all comparisons hold. After an error it may have been done all the same. */
  txn(request: TxnRequest, attempt: Attempt): Promise<TxnResponse> {
    return this.#call(TXN, request, attempt, LIST);
  }

  grant(ttl: number, attempt: Attempt): Promise<Grant> {
    return this.#call(LEASE_GRANT, { ttl }, attempt);
  }

  /** The lease's whole time to live, which begins anew, in seconds; 0 when there is no such lease. */
  async keepAlive(id: bigint, attempt: Attempt): Promise<number> {
    const { ttl } = await this.#ask(attempt, SMALL, (connection, options) =>
      connection.first(LEASE_KEEP_ALIVE, { id }, options),
    );
    return Math.max(ttl, 0);
  }

  revoke(id: bigint, attempt: Attempt): Promise<void> {
    return this.#call(LEASE_REVOKE, { id }, attempt);
  }

  /**
   * Opens a watch. A member that has lost its leader ends it, so it never stands still for that reason.
   *
   * @throws OverlayError; what ends the watch later is told to the handlers
   */
  watch(request: WatchCreateRequest, handlers: WatchHandlers, attempt: Attempt): Promise<WatchStream> {
    return this.#attempt(
      attempt,

      async (connection, { headers }) => {
        const leave = (): void => this.#leave(connection);
        const refuseToken = (): void => this.#token.refused(headers);
        const told = {
          response: (response: WatchResponse): void => handlers.response(response),
          ended: (error: RpcError): void => {
            if (isTokenRefused(error)) refuseToken();
            else if (isConnectionTrouble(error)) leave();
            handlers.ended(storeError(attempt.what, connection.endpoint.text, error));
          },
        };
        const doubts = { leave, refuseToken };
        return new WatchStream(connection, { ...headers, hasleader: 'true' }, request, told, doubts);
      },
    );
  }

  close(): void {
    this.#closing.abort();
    this.#cancelLook?.();
    this.#current?.close();
  }

  #call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    attempt: Attempt,
    asking = SMALL,
  ): Promise<Response> {
    return this.#ask(attempt, asking, (connection, options) => connection.unary(method, request, options));
  }

  #ask<T>(
    attempt: Attempt,
    { times = 1, long = false }: Asking,
    run: (connection: Connection, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#options;
    return this.#attempt(attempt, async (connection, options) => {
      const from = clock.elapsed();
      const answer = await run(connection, { ...options, timeoutMs: options.timeoutMs * times, long });
      this.limit.answered(clock.elapsed() - from);
      return answer;
    });
  }

  async #attempt<T>(
    { what, signal }: Attempt,
    run: (connection: Connection, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    for (let round = 1; ; round++) {
      throwIfAborted(what, signal);
      const connection = await this.#connected(what);
      throwIfAborted(what, signal);
      let headers: Headers | undefined;
      const { factor, ms: timeoutMs } = this.limit;
      try {
        // Others may wait for the same token: it is not this caller's to stop.
        const asking = { timeoutMs, signal: this.#closing.signal };
        headers = await this.#token.headers(connection, asking);
        return await run(connection, { headers, timeoutMs, signal });
      } catch (thrown) {
        if (signal.aborted) throw abortError(what, signal);
        if (errorCode(thrown)?.startsWith('OVERLAY_') === true) throw thrown;
        const error =
          thrown instanceof RpcError ? thrown : new RpcError(STATUS.internal, errorText(thrown), { cause: thrown });
        if (error.code === STATUS.deadlineExceeded) this.limit.passed(factor);
        if (isTokenRefused(error)) {
          if (headers !== undefined) this.#token.refused(headers);
          if (round === 1 && this.#options.user !== undefined) continue;
        } else if (isConnectionTrouble(error)) {
          this.#leave(connection);
        }
        throw storeError(what, connection.endpoint.text, error);
      }
    }
  }

  async #connected(what: string): Promise<Connection> {
    if (this.#closing.signal.aborted) throw new OverlayError('OVERLAY_CLOSED', `${what}: the subnet manager is closed`);
    // Ended while nobody asked: a member that was stopped, or something on the way that ends what is idle.
    if (this.#current?.usable === false) this.#leave(this.#current);
    const connecting = (this.#connection ??= this.#connect());
    try {
      return await connecting;
    } catch (error) {
      if (this.#connection === connecting) this.#connection = undefined;
      throw error;
    }
  }

  async #connect(): Promise<Connection> {
    const { endpoints, tls, connections } = this.#options;
    const endpoint = endpoints[this.#at % endpoints.length];
    const files = await readTlsFiles(endpoint.secure ? tls : {});
    const connection = await Connection.open(endpoint, files, connections && linksOf(connections));
    if (this.#closing.signal.aborted) connection.close();
    else this.#scheduleLook(connection);
    return (this.#current = connection);
  }

  /** Goes on to the next member; whatever else runs over this connection ends, too. */
  #leave(connection: Connection): void {
    connection.leave();
    if (this.#current !== connection) return;
    this.#current = undefined;
    this.#connection = undefined;
    this.#at++;
    this.#cancelLook?.();
  }

  /** Looks now and then whether certificates were replaced, and then begins a new connection with them. */
  #scheduleLook(connection: Connection): void {
    const { tls, clock, certificateMs, logger } = this.#options;
    const nothing = tls.ca === undefined && tls.cert === undefined;
    if (nothing || !connection.endpoint.secure) return;
    this.#cancelLook = clock.after(certificateMs, () => {
      readTlsFiles(tls).then(
        (contents) => {
          if (this.#current !== connection || this.#closing.signal.aborted) return;
          if (sameTlsContents(contents, connection.tls)) return this.#scheduleLook(connection);
          logger.info('the certificate files for etcd have changed: connecting anew');
          this.#at--; // The member is a good one.
          this.#leave(connection);
        },
        (error: unknown) => {
          if (this.#current !== connection || this.#closing.signal.aborted) return;
          logger.debug(errorText(error));
          this.#scheduleLook(connection);
        },
      );
    });
  }
}
