import type { RequestContext, ResponseContext } from '@kubernetes/client-node';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Clock } from '@overlay/core';
import { abortError, throwIfAborted } from '@overlay/core';
import type { Enveloped, StatusText } from '../protobuf/envelope.js';
import { openEnvelope, readStatus } from '../protobuf/envelope.js';
import type { Access } from './access.js';
import { ApiFailure, refused, statusOf, unanswered } from './failure.js';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

export interface ApiClientOptions {
  readonly access: Access;
  readonly clock: Clock;
  /** Until a question that is not answered counts as lost; longer while that happens in a row. */
  readonly timeoutMs: number;
}

/** What is attempted, for messages, and how it is ended. */
export interface Asking {
  readonly what: string;
  readonly signal: AbortSignal;
}

/** A body that is sent, and what it is. */
export interface Body {
  readonly type: 'application/strategic-merge-patch+json' | 'application/json';
  readonly content: unknown;
}

/** So many times as long is waited at most when answers take too long: one that is not there may be elsewhere by then. */
const MOST_PATIENCE = 4;

/** Asks the API server. Answers come in protocol buffers, which cost both sides a fraction of JSON. */
export class ApiClient {
  readonly #options: ApiClientOptions;
  /**
   * By how much an answer may take longer. An API server that is short of processors would else be asked the same again and
   * again by all hosts, each time a moment before it has answered, and be kept busy by just that.
   */
  #patience = 1;

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  get server(): string {
    return this.#options.access.server;
  }

  /** How long may pass until an answer begins, in milliseconds. */
  get patienceMs(): number {
    return this.#options.timeoutMs * this.#patience;
  }

  get(path: string, asking: Asking): Promise<Enveloped> {
    return this.#ask('GET', path, undefined, asking);
  }

  patch(path: string, body: Body, asking: Asking): Promise<Enveloped> {
    return this.#ask('PATCH', path, body, asking);
  }

  post(path: string, body: Body, asking: Asking): Promise<Enveloped> {
    return this.#ask('POST', path, body, asking);
  }

  /**
   * Reads an answer as it comes. Resolves when it has ended as it should.
   *
   * @param alive called with each piece and before it begins; how long may pass until the next call, in milliseconds
   * @throws ApiFailure when it does not begin, breaks off or falls silent; and whatever `take` throws
   */
  async stream(path: string, take: (piece: Buffer) => void, alive: () => number, asking: Asking): Promise<void> {
    const { access } = this.#options;
    const { what, signal } = asking;
    throwIfAborted(what, signal);
    const context = await access.question('GET', path);
    context.setHeaderParam('Accept', path.includes('watch=') ? `${PROTOBUF};stream=watch` : PROTOBUF);
    throwIfAborted(what, signal);
    try {
      await this.#receive(context, take, alive, asking);
    } catch (error) {
      if (signal.aborted) throw abortError(what, signal);
      if (error instanceof ApiFailure && (error.status ?? 401) === 401) access.forget();
      throw error;
    }
  }

  #receive(context: RequestContext, take: (piece: Buffer) => void, alive: () => number, asking: Asking): Promise<void> {
    const { clock } = this.#options;
    const { what, signal } = asking;
    const url = new URL(context.getUrl());
    const agent = context.getAgent() as RequestOptions['agent'];
    const options: RequestOptions = { headers: context.getHeaders(), ...(agent && { agent }) };
    return new Promise<void>((resolve, reject) => {
      const outgoing = (url.protocol === 'http:' ? requestHttp : requestHttps)(url, options);
      let cancelTimer: (() => void) | undefined;
      let begun = false;
      const askedAt = clock.now();
      const settle = (done: () => void): void => {
        cancelTimer?.();
        signal.removeEventListener('abort', stopped);
        outgoing.destroy();
        done();
      };
      const fail = (error: unknown): void => settle(() => reject(error));
      const lost = (error: unknown): void => fail(unanswered(what, this.server, error));
      const stopped = (): void => fail(abortError(what, signal));
      const listen = (): void => {
        cancelTimer?.();
        const ms = alive();
        cancelTimer = clock.after(ms, () => {
          if (!begun) this.#waitLonger();
          lost(`it says nothing for ${ms} ms`);
        });
      };
      signal.addEventListener('abort', stopped, { once: true });
      outgoing.on('error', lost);
      outgoing.on('socket', (socket) => socket.setKeepAlive(true, 15_000));
      outgoing.on('response', (incoming) => {
        begun = true;
        this.#answered(askedAt);
        listen();
        incoming.on('error', lost);
        if (incoming.statusCode !== 200) {
          bodyOf(incoming).then(
            (bytes) => fail(refused(what, this.server, statusIn(bytes, incoming.statusCode))),
            lost,
          );
          return;
        }
        incoming.on('data', (piece: Buffer) => {
          try {
            take(piece);
            // What was in it may have changed how long silence may last.
            listen();
          } catch (error) {
            fail(error);
          }
        });
        incoming.on('end', () => settle(resolve));
      });
      listen();
      outgoing.end();
    });
  }

  #answered(askedAt: number): void {
    if (this.#options.clock.now() - askedAt < this.#options.timeoutMs) this.#patience = 1;
  }

  #waitLonger(): void {
    this.#patience = Math.min(this.#patience * 2, MOST_PATIENCE);
  }

  async #ask(
    method: 'GET' | 'PATCH' | 'POST',
    path: string,
    body: Body | undefined,
    asking: Asking,
  ): Promise<Enveloped> {
    const { what, signal } = asking;
    try {
      return await this.#askOnce(method, path, body, asking);
    } catch (error) {
      if (signal.aborted) throw abortError(what, signal);
      // Perhaps the token has been replaced meanwhile.
      if (statusOf(error) !== 401) throw error;
      return await this.#askOnce(method, path, body, asking);
    }
  }

  async #askOnce(
    method: 'GET' | 'PATCH' | 'POST',
    path: string,
    body: Body | undefined,
    asking: Asking,
  ): Promise<Enveloped> {
    const { access, clock } = this.#options;
    const { what, signal } = asking;
    throwIfAborted(what, signal);
    const { createConfiguration } = await access.client();
    const context = await access.question(method, path);
    context.setHeaderParam('Accept', PROTOBUF);
    if (body !== undefined) {
      context.setHeaderParam('Content-Type', body.type);
      context.setBody(JSON.stringify(body.content));
    }
    const limit = new AbortController();
    const { patienceMs } = this;
    const askedAt = clock.now();
    const cancel = clock.after(patienceMs, () => limit.abort());
    const ended = AbortSignal.any([signal, limit.signal]);
    context.setSignal(ended);
    let answer: ResponseContext;
    let bytes: Buffer;
    try {
      answer = await createConfiguration().httpApi.send(context).toPromise();
      bytes = await answer.body.binary();
      this.#answered(askedAt);
    } catch (error) {
      if (signal.aborted) throw abortError(what, signal);
      access.forget();
      if (limit.signal.aborted) this.#waitLonger();
      const cause = limit.signal.aborted ? `it does not answer within ${patienceMs} ms` : error;
      throw unanswered(what, this.server, cause);
    } finally {
      cancel();
    }
    if (answer.httpStatusCode < 200 || answer.httpStatusCode > 299) {
      if (answer.httpStatusCode === 401) access.forget();
      throw refused(what, this.server, statusIn(bytes, answer.httpStatusCode));
    }
    try {
      return openEnvelope(bytes);
    } catch (error) {
      throw unanswered(what, this.server, error);
    }
  }
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** What a refusal says: it comes as a Status, or as text from whatever stands before the API server. */
function statusIn(bytes: Buffer, code = 0): StatusText {
  try {
    const { kind, message } = openEnvelope(bytes);
    if (kind === 'Status') return { ...readStatus(message), code };
  } catch {
    // Text, then.
  }
  const text = bytes.toString('utf8', 0, 300);
  try {
    const { message, reason } = JSON.parse(text) as { message?: unknown; reason?: unknown };
    if (typeof message === 'string') return { message, reason: typeof reason === 'string' ? reason : '', code };
  } catch {
    // Not even that.
  }
  return { message: text, reason: '', code };
}
