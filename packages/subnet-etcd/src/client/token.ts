import type { Clock } from '@overlay/core';
import { Backoff } from '@overlay/core/store';
import type { Headers } from '../grpc/link.js';
import { RpcError } from '../grpc/rpc-error.js';
import { AUTHENTICATE } from '../rpc/methods.js';
import type { CallOptions, Connection } from './connection.js';
import { isAuthDisabled, isPasswordRefused } from './failure.js';
import type { Password } from './password.js';
import { readPassword } from './password.js';

/** Who this client is to etcd. */
export interface User {
  readonly username: string;
  readonly password: Password;
}

/** How long a password that etcd has refused is not asked about again: etcd spends tens of milliseconds on each. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

const NONE: Headers = {};

/** The token that etcd gives for a user and a password: got once, kept until it is refused. */
export class TokenKeeper {
  #asking: Promise<Headers> | undefined;
  /** What came of asking. */
  #headers: Headers | undefined;
  /** The password that was wrong, and until when it is taken to be. */
  #refusal: { readonly password: string; readonly error: RpcError; readonly until: number } | undefined;
  readonly #backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);

  constructor(
    private readonly user: User | undefined,
    private readonly clock: Pick<Clock, 'elapsed'>,
  ) {}

  /** The headers of a call. @throws RpcError, OverlayError */
  async headers(connection: Pick<Connection, 'unary'>, options: Omit<CallOptions, 'headers'>): Promise<Headers> {
    if (this.user === undefined) return NONE;
    const asking = (this.#asking ??= this.#ask(this.user, connection, options));
    try {
      return await asking;
    } catch (error) {
      if (this.#asking === asking) this.#asking = undefined;
      throw error;
    }
  }

  /** Has a new token asked for next time, unless that has happened since these headers were given. */
  refused(headers: Headers): void {
    if (this.#headers !== headers) return;
    this.#headers = undefined;
    this.#asking = undefined;
  }

  async #ask(
    { username, password: source }: User,
    connection: Pick<Connection, 'unary'>,
    options: Omit<CallOptions, 'headers'>,
  ): Promise<Headers> {
    const password = await readPassword(source);
    if (this.#refusal?.password !== password) this.#backoff.reset();
    else if (this.clock.elapsed() < this.#refusal.until) throw this.#refusal.error;
    try {
      const token = await connection.unary(AUTHENTICATE, { name: username, password }, { ...options, headers: NONE });
      this.#refusal = undefined;
      return (this.#headers = token === '' ? {} : { token });
    } catch (error) {
      // As Go's client does: a user is given before users are switched on, and stays when they are switched off.
      if (error instanceof RpcError && isAuthDisabled(error)) return (this.#headers = {});
      if (error instanceof RpcError && isPasswordRefused(error)) {
        this.#refusal = { password, error, until: this.clock.elapsed() + this.#backoff.next() };
      }
      throw error;
    }
  }
}
