import type { Headers } from '../grpc/link.js';
import { RpcError } from '../grpc/rpc-error.js';
import { AUTHENTICATE } from '../rpc/methods.js';
import type { CallOptions, Connection } from './connection.js';
import { isAuthDisabled } from './failure.js';
import type { Password } from './password.js';
import { readPassword } from './password.js';

/** Who this client is to etcd. */
export interface User {
  readonly username: string;
  readonly password: Password;
}

/** The token that etcd gives for a user and a password: got once, kept until it is refused. */
export class TokenKeeper {
  #token: Promise<string> | undefined;

  constructor(private readonly user: User | undefined) {}

  /** The headers of a call. @throws RpcError, OverlayError */
  async headers(connection: Connection, options: Omit<CallOptions, 'headers'>): Promise<Headers> {
    if (this.user === undefined) return {};
    const token = (this.#token ??= this.#ask(this.user, connection, options));
    try {
      const text = await token;
      return text === '' ? {} : { token: text };
    } catch (error) {
      this.#forget(token);
      throw error;
    }
  }

  /** Has a new token asked for next time. */
  refused(): void {
    this.#token = undefined;
  }

  #forget(token: Promise<string>): void {
    if (this.#token === token) this.#token = undefined;
  }

  async #ask(
    { username, password }: User,
    connection: Connection,
    options: Omit<CallOptions, 'headers'>,
  ): Promise<string> {
    const request = { name: username, password: await readPassword(password) };
    try {
      return await connection.unary(AUTHENTICATE, request, { ...options, headers: {} });
    } catch (error) {
      // As Go's client does: a user is given before users are switched on, and stays when they are switched off.
      if (error instanceof RpcError && isAuthDisabled(error)) return '';
      throw error;
    }
  }
}
