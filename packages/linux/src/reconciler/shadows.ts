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
  readonly actual: KernelObject;
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
  /** The keys of those that may have the place of something wanted. */
  readonly #places = new Set<string>();
  /** Those that are there and of which the log has told. */
  readonly #said = new Set<string>();
  /** When it told of those that have gone since. */
  readonly #goneSince = new Map<string, number>();
  #read = 0;

  /** @param freed is told of what was wanted all along when nobody has its place any more. */
  constructor(
    private readonly table: DesiredTable,
    private readonly logger: Logger,
    private readonly clock: Clock,
    private readonly freed: (entry: Entry) => void = () => undefined,
  ) {}

  /** Everything is about to be read: what is not seen again until {@link endRead} is not there any more. */
  beginRead(): void {
    this.#read += 1;
  }

  /** Everything has been read, or all that is on one device. */
  endRead(link?: string): void {
    for (const [key, found] of this.#found) {
      if (link !== undefined && found.link !== link) continue;
      if (found.read === this.#read) this.#sayIfInTheWay(key, found);
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
   * Something is there that is not what is wanted. True if it has, and keeps, the place of what is.
   *
   * @param heard whether the kernel reports it by itself, so that no end of a read will tell of it.
   */
  add(actual: KernelObject, heard: boolean): boolean {
    const shadow = this.table.kind.shadows?.(actual);
    if (!shadow) return false;
    // A host may have the internet's routes. Beyond that many only those are kept that matter now.
    const key = this.table.kind.key(actual);
    const found = { actual, shadow, link: this.table.kind.link?.(actual), read: this.#read };
    if (this.#found.size >= MOST_SHADOWS && !this.#found.has(key) && !this.#victim(found)) return false;
    this.#found.set(key, found);
    if (shadow.keeps) this.#places.add(key);
    if (heard) this.#sayIfInTheWay(key, found);
    const wanted = this.table.entries.find(actual);
    return wanted !== undefined && (shadow.keeps?.(this.table.entries.objectOf(wanted)) ?? false);
  }

  /** Whether one has, and keeps, the place of a wanted object. */
  keeps(wanted: KernelObject): boolean {
    if (this.#places.size === 0) return false;
    const key = this.table.kind.key(wanted);
    return this.#places.has(key) && (this.#found.get(key)?.shadow.keeps?.(wanted) ?? false);
  }

  /** What is wanted has been written, in the place of whatever was there. */
  overwritten(wanted: KernelObject): void {
    if (this.#places.size > 0) this.delete(this.table.kind.key(wanted));
  }

  /** The object with this key is gone, or it is one that is wanted. */
  delete(key: string): void {
    const found = this.#found.size === 0 ? undefined : this.#found.get(key);
    if (!found) return;
    this.#found.delete(key);
    const waiting = this.#places.delete(key) ? this.table.entries.find(found.actual) : undefined;
    if (waiting !== undefined) this.freed(waiting);
    if (!this.#said.delete(key)) return;
    this.#goneSince.set(key, this.clock.elapsed());
    this.logger.info(`${this.table.kind.name} ${key} is not in the way any more`);
  }

  /** What is wanted, but kept from working, and by what. */
  *inTheWay(): Iterable<{ readonly entry: Entry; readonly message: string }> {
    for (const found of this.#found.values()) {
      const victim = this.#victim(found);
      if (victim) yield { entry: victim.entry, message: found.shadow.message(victim.object) };
    }
  }

  /** The wanted object that suffers, if any does. */
  #victim({ actual, shadow }: Found): { readonly entry: Entry; readonly object: KernelObject } | undefined {
    const { breadths, entries } = this.table;
    const rival = shadow.keeps && entries.find(actual);
    for (const candidate of shadow.candidates(breadths)) {
      const entry = entries.find(candidate);
      if (entry === undefined) continue;
      const object = entries.objectOf(entry);
      // In the place of this one it is, too, but that one is to be had.
      if (entry !== rival || shadow.keeps?.(object)) return { entry, object };
    }
    return undefined;
  }

  #sayIfInTheWay(key: string, found: Found): void {
    if (this.#said.has(key) || this.#said.size >= MOST_LINES) return;
    if (this.clock.elapsed() - (this.#goneSince.get(key) ?? -SILENCE_MS) < SILENCE_MS) return;
    const victim = this.#victim(found);
    if (!victim) return;
    this.#said.add(key);
    this.logger.warn(found.shadow.message(victim.object));
    if (this.#said.size < MOST_LINES) return;
    this.logger.warn(`${this.table.kind.name}: ${MOST_LINES} are in the way; of more only the status tells`);
  }
}
