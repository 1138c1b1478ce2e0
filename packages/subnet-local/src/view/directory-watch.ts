import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';
import { basename } from 'node:path';
import type { Clock } from '@overlay/core';
import { errorText } from '@overlay/core';
import { jittered } from '@overlay/core/store';
import type { LeaseDirectory } from '../directory/lease-directory.js';

/** Milliseconds between two looks where the kernel does not notify. */
const BLIND_POLL_MS = 1000;

/** What the watch tells its owner. */
export interface WatchListener {
  /** Something happened to this file. */
  touched(name: string): void;
  /** Anything may have happened: look at everything. */
  unsure(): void;
  /** The kernel's notifications work again, or do not and why. */
  degraded(problem: string | undefined): void;
}

/**
 * Tells of changes in the directory: by inotify, and by a slow poll as well, because inotify's queue can overflow
 * (which Node does not tell), its instances can be used up, and a directory can be replaced by another one.
 */
export class DirectoryWatch {
  #watcher: FSWatcher | undefined;
  #identity: string | undefined;
  #cancelPoll: (() => void) | undefined;
  #problem: string | undefined;
  #closed = false;

  constructor(
    private readonly directory: LeaseDirectory,
    private readonly clock: Clock,
    private readonly pollMs: number,
    private readonly listener: WatchListener,
  ) {}

  /**
   * Makes sure that what happens from now on in the directory as it stands is told. To be called before each listing;
   * true when changes before this call may have been missed.
   *
   * @throws system errors, when there is no directory
   */
  attach(): boolean {
    const identity = this.directory.identity();
    const same = identity === this.#identity;
    if (this.#watcher !== undefined && same) return false;
    this.#detach();
    this.#identity = identity;
    try {
      const watcher = watch(this.directory.path, (_event, name) => this.#heard(name));
      watcher.on('error', (error) => {
        this.#detach();
        this.#degraded(errorText(error));
        this.listener.unsure();
      });
      this.#watcher = watcher;
      this.#degraded(undefined);
    } catch (error) {
      this.#degraded(errorText(error));
    }
    return !same;
  }

  /** Has everything looked at again after the poll's interval, but not sooner than `atLeastMs`. */
  pollAgain(atLeastMs: number): void {
    const interval = this.#watcher === undefined ? Math.min(this.pollMs, BLIND_POLL_MS) : this.pollMs;
    this.retry(Math.max(interval, atLeastMs));
  }

  /** Has everything looked at again after about `ms`. */
  retry(ms: number): void {
    this.#cancelPoll?.();
    if (!this.#closed) this.#cancelPoll = this.clock.after(jittered(ms), () => this.listener.unsure());
  }

  close(): void {
    this.#closed = true;
    this.#cancelPoll?.();
    this.#detach();
  }

  #heard(name: string | null): void {
    // What happens to the directory itself is told under its own name.
    if (name === null || name === basename(this.directory.path)) this.listener.unsure();
    else this.listener.touched(name);
  }

  #detach(): void {
    this.#watcher?.removeAllListeners();
    // A watcher may still report an error while it is being closed.
    this.#watcher?.on('error', () => undefined);
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#identity = undefined;
  }

  #degraded(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.listener.degraded(problem);
  }
}
