import type { Clock } from '@overlay/core';
import { abortError, OverlayError } from '@overlay/core';
import type { EtcdClient } from '../client/etcd-client.js';
import { refusal } from '../client/failure.js';
import { afterReading } from '../grpc/after-reading.js';
import type { WatchStream } from '../client/watch-stream.js';
import type { WatchCreateRequest, WatchResponse } from '../rpc/messages.js';
import type { Break } from './history.js';

/** Why a watch is over and cannot be resumed where it was, or that it is to be begun anew, or ended. */
export type Ending = 'asked for' | 'closed' | 'its history has been compacted away' | Break;

export interface FollowedWatchOptions {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly request: WatchCreateRequest;
  /** The cluster that the revision belongs to. */
  readonly clusterId: bigint;
  readonly confirmMs: number;
  readonly what: string;
  readonly signal: AbortSignal;
  /** It has just been heard. */
  alive(): void;
  /** It has lasted for a while, or brought something: whatever stood in the way before does so no longer. */
  steady(): void;
  /** Keys have changed. */
  changed(response: WatchResponse): void;
}

/** A watch that lasts so long is none that something on the way lets begin and then ends. */
const STEADY_MS = 1_000;

/** One watch from its beginning to its end, and the doubt whether it is still alive. */
export class FollowedWatch {
  readonly #options: FollowedWatchOptions;
  #stream: WatchStream | undefined;
  #settle: { resolve(ending: Ending): void; reject(error: unknown): void } | undefined;
  #ending: Ending | undefined;
  #cancelTimer: (() => void) | undefined;
  #cancelSteady: (() => void) | undefined;
  /** When something was asked that has not been answered, by the clock's `elapsed`. */
  #askedAt: number | undefined;

  constructor(options: FollowedWatchOptions) {
    this.#options = options;
  }

  /** @throws OverlayError when it ended and can be resumed */
  async run(): Promise<Ending> {
    const { client, request, what, signal } = this.#options;
    const over = new Promise<Ending>((resolve, reject) => (this.#settle = { resolve, reject }));
    over.catch(() => undefined);
    try {
      const handlers = {
        response: (response: WatchResponse) => this.#heard(response),
        ended: (error: Error) => this.#settle?.reject(error),
      };
      this.#stream = await client.watch(request, handlers, { what, signal });
      if (this.#ending !== undefined) return this.#ending;
      this.#listen();
      return await over;
    } finally {
      this.#cancelTimer?.();
      this.#cancelSteady?.();
      this.#stream?.cancel();
    }
  }

  stop(ending: Ending): void {
    this.#ending ??= ending;
    this.#settle?.resolve(ending);
  }

  #heard(response: WatchResponse): void {
    const { clusterId, request, what } = this.#options;
    const { header, created, canceled, compactRevision, cancelReason, events } = response;
    if (canceled) {
      if (compactRevision > 0) return this.stop('its history has been compacted away');
      this.#refused(cancelReason, what);
      return;
    }
    if (header.clusterId !== clusterId && clusterId !== 0n) return this.stop('it is another cluster than before');
    const { client, clock } = this.#options;
    if (this.#askedAt !== undefined) client.limit.answered(clock.elapsed() - this.#askedAt);
    this.#askedAt = undefined;
    this.#options.alive();
    this.#cancelSteady ??= clock.after(STEADY_MS, () => this.#options.steady());
    this.#ask();
    if (created && header.revision < request.startRevision - 1) void this.#lookBack();
    if (events.length === 0) return;
    this.#options.steady();
    this.#options.changed(response);
  }

  #refused(reason: string, what: string): void {
    const { client } = this.#options;
    // etcd gives the same reason for a token that has expired.
    this.#stream?.refuseToken();
    const start = `${what}: etcd at ${client.name}`;
    const text = /permission denied/i.test(reason)
      ? refusal(start)
      : `${start} ended it: ${reason || 'it gives no reason'}`;
    this.#settle?.reject(new OverlayError('OVERLAY_STORE_REFUSED', text));
  }

  /** The member knows less than we do. It lags behind, or the store went back: the leader knows. */
  async #lookBack(): Promise<void> {
    const { client, request, what, signal } = this.#options;
    try {
      const { header } = await client.range({ key: request.key }, { what, signal });
      if (header.revision < request.startRevision - 1) {
        this.stop('its revision went backwards, as after restoring a backup');
      }
    } catch (error) {
      this.#settle?.reject(error);
    }
  }

  /** Waits for the next sign of life, then asks for one. */
  #ask(): void {
    const { clock, confirmMs } = this.#options;
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(confirmMs, () => {
      this.#listen();
      this.#stream?.requestProgress();
    });
  }

  /** Gives it up when nothing is heard. */
  #listen(): void {
    const { clock, client, what, signal } = this.#options;
    const { factor, ms } = client.limit;
    this.#askedAt = clock.elapsed();
    const giveUp = (): void => {
      if (signal.aborted) return this.#settle?.reject(abortError(what, signal));
      const text = `${what}: etcd at ${client.name} says nothing any more`;
      client.limit.passed(factor);
      this.#settle?.reject(new OverlayError('OVERLAY_STORE_UNAVAILABLE', text));
      this.#stream?.leave();
    };
    this.#cancelTimer?.();
    this.#cancelTimer = clock.after(ms, () => (this.#cancelTimer = afterReading(giveUp)));
  }
}
