import type { Link } from '../netlink/rtnetlink/link.js';
import { decodeLink, dumpLinks, getLink, linkMessageFamily } from '../netlink/rtnetlink/link.js';
import { AddressFamily, MessageType } from '../netlink/protocol.js';
import type { KernelEvents } from './events.js';
import type { KernelSession } from './session.js';

/**
 * What became of a device. `fresh` tells that it was read from the kernel just now; what a notification tells may be
 * older than a change of our own that has been read back since.
 */
export type LinkChange = { readonly link: Link; readonly fresh: boolean } & (
  { readonly type: 'appeared' } | { readonly type: 'gone' } | { readonly type: 'changed'; readonly before: Link }
);

/**
 * The devices of a network namespace by name and index, kept up to date. Objects are wanted by device name, for an index
 * is another one after a device was re-created; here names and indices meet.
 */
export class LinkTable {
  readonly #byName = new Map<string, Link>();
  readonly #byIndex = new Map<number, Link>();
  readonly #listeners = new Set<(change: LinkChange) => void>();
  readonly #stopListening: () => void;
  #loaded: Promise<void> | undefined;
  #isLoaded = false;
  /** The read of all of them that is under way. */
  #loading: Promise<void> | undefined;
  /** For each read under way, the devices of which something newer became known meanwhile. */
  readonly #newer = new Set<Set<number>>();

  constructor(
    private readonly session: KernelSession,
    events: KernelEvents,
  ) {
    this.#stopListening = events.listen({
      message: (message) => {
        if (message.type !== MessageType.newLink && message.type !== MessageType.deleteLink) return;
        // A bridge tells of its ports in a family of its own; a port that leaves its bridge is not gone.
        if (linkMessageFamily(message) !== AddressFamily.unspecified) return;
        const link = decodeLink(message);
        if (message.type === MessageType.newLink) this.#put(link, false);
        else this.#delete(link.index, false);
      },
      lost: () => {
        this.#loaded = undefined;
        this.#loading = undefined;
        this.#isLoaded = false;
      },
    });
  }

  /** Whether the table has been read since the last loss of notifications, for those who must not wait a turn for it. */
  get isReady(): boolean {
    return this.#isLoaded;
  }

  /** Resolves when {@link isReady}. */
  ready(): Promise<void> {
    this.#loaded ??= this.#begin();
    return this.#loaded;
  }

  /** Reads all devices from the kernel, also those of which notifications have told. */
  reread(): Promise<void> {
    if (!this.#loading) this.#loaded = this.#begin();
    return this.#loading ?? this.ready();
  }

  byName(name: string): Link | undefined {
    return this.#byName.get(name);
  }

  byIndex(index: number): Link | undefined {
    return this.#byIndex.get(index);
  }

  all(): Iterable<Link> {
    return this.#byIndex.values();
  }

  /** Reads one device again, as after a change of our own, of which no notification tells us. */
  async refresh(name: string, signal?: AbortSignal): Promise<Link | undefined> {
    try {
      const message = await this.session.use((port) => port.query(getLink(name), signal ? { signal } : {}));
      const link = decodeLink(message);
      this.#put(link, true);
      return link;
    } catch (error) {
      if ((error as { errnoName?: unknown }).errnoName !== 'ENODEV') throw error;
      const known = this.#byName.get(name);
      if (known) this.#delete(known.index, true);
      return undefined;
    }
  }

  /** Calls on each change, in the order in which the kernel made them. */
  onChange(listener: (change: LinkChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#stopListening();
    this.#listeners.clear();
  }

  #begin(): Promise<void> {
    const loaded = this.#load().then(
      () => {
        // What was lost meanwhile is read by another load.
        if (this.#loaded === loaded) this.#isLoaded = true;
        if (this.#loading === loaded) this.#loading = undefined;
      },
      (error: unknown) => {
        if (this.#loaded === loaded) {
          this.#loaded = undefined;
          this.#isLoaded = false;
        }
        if (this.#loading === loaded) this.#loading = undefined;
        throw error;
      },
    );
    this.#loading = loaded;
    return loaded;
  }

  async #load(): Promise<void> {
    const found: Link[] = [];
    // A device that came or went while the kernel listed them is as it was told, not as it was listed: taken in again, one
    // that is gone would hide that for ever.
    const newer = new Set<number>();
    this.#newer.add(newer);
    try {
      await this.session.use((port) =>
        port.dump(dumpLinks(), (message) => {
          found.push(decodeLink(message));
        }),
      );
    } finally {
      this.#newer.delete(newer);
    }
    const indices = new Set(found.map((link) => link.index));
    for (const index of [...this.#byIndex.keys()]) {
      if (!indices.has(index) && !newer.has(index)) this.#delete(index, true);
    }
    for (const link of found) if (!newer.has(link.index)) this.#put(link, true);
  }

  #put(link: Link, fresh: boolean): void {
    for (const newer of this.#newer) newer.add(link.index);
    const before = this.#byIndex.get(link.index);
    // A name moves on when its device is renamed, or was deleted and re-created without a word reaching us.
    const namesake = this.#byName.get(link.name);
    if (namesake && namesake.index !== link.index) this.#delete(namesake.index, fresh);
    if (before && before.name !== link.name) this.#delete(link.index, fresh);
    const known = this.#byIndex.get(link.index);
    this.#byIndex.set(link.index, link);
    this.#byName.set(link.name, link);
    this.#tell(known ? { type: 'changed', link, before: known, fresh } : { type: 'appeared', link, fresh });
  }

  #delete(index: number, fresh: boolean): void {
    for (const newer of this.#newer) newer.add(index);
    const link = this.#byIndex.get(index);
    if (!link) return;
    this.#byIndex.delete(index);
    if (this.#byName.get(link.name) === link) this.#byName.delete(link.name);
    this.#tell({ type: 'gone', link, fresh });
  }

  #tell(change: LinkChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
