import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Clock, ConfigEvent, NetConf } from '@overlay/core';
import { errorCode, errorText, OverlayError, parseNetConf, systemClock } from '@overlay/core';
import { jittered } from '@overlay/core/store';
import type { Subscriber } from 'rxjs';
import { Observable } from 'rxjs';

export interface FileConfigOptions {
  readonly clock?: Clock;
  /** Wait for a file that is not there yet, instead of ending with an error. False unless told. */
  readonly waitForFile?: boolean;
  /** Milliseconds between two looks at the file, for what no notification told. 5 s unless told. */
  readonly pollMs?: number;
}

/** Bytes of the largest file that is taken for a configuration. */
const LARGEST = 1024 * 1024;
/** An editor or a ConfigMap's update touches several files in a row. */
const SETTLE_MS = 50;

/**
 * The configuration in a net-conf.json, and again whenever the file changes in what it means.
 *
 * The first reading must succeed: else the stream ends with `OVERLAY_CONFIG_INVALID`, naming the file and the key. A
 * later one that cannot be used is told as `refused`, and so is the file's disappearance; the configuration before it
 * stays in force. Files that are replaced are followed, also through symbolic links (ConfigMap volumes). Each
 * subscription follows the file by itself, until it ends.
 */
export function fileConfig(path: string, options: FileConfigOptions = {}): Observable<ConfigEvent> {
  return new Observable((subscriber) => {
    const follower = new FileFollower(resolve(path), options, subscriber);
    follower.look(0);
    return () => follower.stop();
  });
}

class FileFollower {
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #waitForFile: boolean;
  #watcher: FSWatcher | undefined;
  #cancel: (() => void) | undefined;
  /** When it is looked at the next time, unless it is being read. */
  #dueAt = Infinity;
  #reading = false;
  #touched = false;
  #stopped = false;
  /** What the last reading gave, to tell only what is new: a text, or why there is none. */
  #last: string | undefined;
  #meaning: string | undefined;
  #refused = false;

  constructor(
    private readonly path: string,
    options: FileConfigOptions,
    private readonly subscriber: Subscriber<ConfigEvent>,
  ) {
    this.#clock = options.clock ?? systemClock;
    this.#pollMs = options.pollMs ?? 5000;
    this.#waitForFile = options.waitForFile ?? false;
  }

  look(afterMs: number): void {
    if (this.#stopped) return;
    if (this.#reading) {
      this.#touched = true;
      return;
    }
    const dueAt = this.#clock.now() + afterMs;
    // Notifications about another file of the directory, which may never end, must not put it off for ever.
    if (afterMs > 0 && this.#dueAt <= dueAt) return;
    this.#cancel?.();
    if (afterMs > 0) {
      this.#dueAt = dueAt;
      this.#cancel = this.#clock.after(afterMs, () => this.look(0));
      return;
    }
    this.#dueAt = Infinity;
    this.#reading = true;
    void this.#read().finally(() => {
      this.#reading = false;
      const soon = this.#touched;
      this.#touched = false;
      this.look(soon ? SETTLE_MS : jittered(this.#watcher === undefined ? Math.min(this.#pollMs, 1000) : this.#pollMs));
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#detach();
  }

  async #read(): Promise<void> {
    this.#attach();
    let text: string;
    try {
      text = await readText(this.path);
    } catch (error) {
      if (!this.#stopped) this.#unreadable(error);
      return;
    }
    if (this.#stopped || this.#last === `text:${text}`) return;
    this.#last = `text:${text}`;
    let netConf: NetConf;
    try {
      netConf = parseNetConf(text, { source: this.path });
    } catch (error) {
      this.#wrong(error);
      return;
    }
    const meaning = JSON.stringify(netConf);
    if (meaning === this.#meaning && !this.#refused) return;
    this.#meaning = meaning;
    this.#refused = false;
    this.subscriber.next({ type: 'config', netConf });
  }

  #unreadable(cause: unknown): void {
    const last = `none:${errorText(cause)}`;
    if (this.#last === last) return;
    this.#last = last;
    if (this.#meaning === undefined && this.#waitForFile && errorCode(cause) === 'ENOENT') {
      this.subscriber.next({ type: 'waiting', reason: `${this.path} is not there yet` });
      return;
    }
    const problem = `${this.path}: expected a file with the network's configuration, got ${errorText(cause)}`;
    this.#wrong(new OverlayError('OVERLAY_CONFIG_INVALID', problem, { cause }));
  }

  #wrong(error: unknown): void {
    if (this.#meaning === undefined) {
      this.subscriber.error(error);
    } else {
      this.#refused = true;
      this.subscriber.next({ type: 'refused', problem: errorText(error) });
    }
  }

  /** Watches the directory rather than the file, which may be replaced. Without notifications the poll has to do. */
  #attach(): void {
    if (this.#watcher !== undefined) return;
    try {
      const watcher = watch(dirname(this.path), () => this.look(SETTLE_MS));
      watcher.on('error', () => this.#detach());
      this.#watcher = watcher;
    } catch {
      this.#watcher = undefined;
    }
  }

  #detach(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}

async function readText(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error('something that is no regular file');
    if (stats.size > LARGEST) throw new Error(`a file of more than ${LARGEST} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
