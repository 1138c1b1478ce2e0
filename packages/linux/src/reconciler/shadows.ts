import type { Clock, Logger } from '@overlay/core';
import type { DesiredTable } from './desired-table.js';
import type { Entry } from './entry.js';
import type { KernelObject, Shadow } from './kind.js';

/** Foreign objects remembered because something wanted may come that they keep from working. */
const MOST_SHADOWS = 4096;
/** Those in the way that get a log line each, at one time. */
const MOST_LINES = 10;
/** How long nothing more is said of one that comes and goes, in milliseconds. */
const SILENCE_MS = 60_000;

interface Found {
  readonly shadow: Shadow<KernelObject>;
  /** The device that it is on. */
  readonly link: string | undefined;
  /** The number of the read since which it has been seen or heard of. */
  readonly read: number;
}

/**
 * Found objects of one kind that keep others from working, by their own key: also where nothing is wanted yet, for a peer
 * may come. What is in the way of what is found out when somebody asks.
 */
export class Shadows {
  readonly #found = new Map<string, Found>();
  /** Those that are there and of which the log has told. */
  readonly #said = new Set<string>();
  /** When it told of those that have gone since. */
  readonly #goneSince = new Map<string, number>();
  #read = 0;

  constructor(
    private readonly table: DesiredTable,
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  /** Everything is about to be read: what is not seen again until {@link endRead} is not there any more. */
  beginRead(): void {
    this.#read += 1;
  }

  /** Everything has been read, or all that is on one device. */
  endRead(link?: string): void {
    for (const [key, found] of this.#found) {
      if (link !== undefined && found.link !== link) continue;
      if (found.read === this.#read) this.#sayIfInTheWay(key, found.shadow);
      else this.delete(key);
    }
    const now = this.clock.elapsed();
    for (const [key, at] of this.#goneSince) if (now - at > SILENCE_MS) this.#goneSince.delete(key);
  }

  /** Whether any is on a device. */
  areOn(link: string): boolean {
    for (const found of this.#found.values()) if (found.link === link) return true;
    return false;
  }

  /** The device is gone, and what was on it. */
  linkGone(link: string): void {
    for (const [key, found] of this.#found) if (found.link === link) this.delete(key);
  }

  /**
   * Something that nobody wants is there.
   *
   * @param heard whether the kernel reports it by itself, so that no end of a read will tell of it.
   */
  add(actual: KernelObject, heard: boolean): void {
    const shadow = this.table.kind.shadows?.(actual);
    if (!shadow) return;
    // A host may have the internet's routes. Beyond that many only those are kept that matter now.
    const key = this.table.kind.key(actual);
    if (this.#found.size >= MOST_SHADOWS && !this.#found.has(key) && !this.#victim(shadow)) return;
    this.#found.set(key, { shadow, link: this.table.kind.link?.(actual), read: this.#read });
    if (heard) this.#sayIfInTheWay(key, shadow);
  }

  /** The object with this key is gone, or it is one that is wanted. */
  delete(key: string): void {
    if (this.#found.size === 0 || !this.#found.delete(key)) return;
    if (!this.#said.delete(key)) return;
    this.#goneSince.set(key, this.clock.elapsed());
    this.logger.info(`${this.table.kind.name} ${key} is not in the way any more`);
  }

  /** What is wanted, but kept from working, and by what. */
  *inTheWay(): Iterable<{ readonly entry: Entry; readonly message: string }> {
    for (const { shadow } of this.#found.values()) {
      const victim = this.#victim(shadow);
      if (victim) yield { entry: victim.entry, message: shadow.message(victim.object) };
    }
  }

  /** The wanted object that suffers, if any does. */
  #victim(shadow: Shadow<KernelObject>): { readonly entry: Entry; readonly object: KernelObject } | undefined {
    const { breadths, entries } = this.table;
    for (const candidate of shadow.candidates(breadths)) {
      const entry = entries.find(candidate);
      if (entry !== undefined) return { entry, object: entries.objectOf(entry) };
    }
    return undefined;
  }

  #sayIfInTheWay(key: string, shadow: Shadow<KernelObject>): void {
    if (this.#said.has(key) || this.#said.size >= MOST_LINES) return;
    if (this.clock.elapsed() - (this.#goneSince.get(key) ?? -SILENCE_MS) < SILENCE_MS) return;
    const victim = this.#victim(shadow);
    if (!victim) return;
    this.#said.add(key);
    this.logger.warn(shadow.message(victim.object));
    if (this.#said.size < MOST_LINES) return;
    this.logger.warn(`${this.table.kind.name}: ${MOST_LINES} are in the way; of more only the status tells`);
  }
}
