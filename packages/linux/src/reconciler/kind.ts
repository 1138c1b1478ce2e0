import type { OverlayError } from '@overlay/core';

/** Something wanted in, or found in, the kernel. `kind` names the {@link Kind} that knows what to do with it. */
export interface KernelObject {
  readonly kind: string;
}

/** What became of one object of a batch: nothing to report, or why the kernel would not. */
export type Outcome = OverlayError | undefined;

/** How one found object that is none of ours keeps wanted ones from working. See {@link Kind.shadows}. */
export interface Shadow<D> {
  /**
   * The objects that suffer from it where they are wanted; of each only what makes up the key need be right. The first
   * that is wanted is the one that is told of.
   *
   * @param breadths those that wanted objects have at present ({@link Kind.breadth}).
   */
  candidates(breadths: Iterable<number>): Iterable<D>;
  /**
   * Whether it has the place of a wanted object, whose key it has, and is not to be overwritten. That one waits until it
   * is gone. Without it, whatever has the key of a wanted object is brought to what is wanted.
   */
  keeps?(wanted: D): boolean;
  /** What is wrong, in one line, with the remedy. */
  message(wanted: D): string;
}

/** How a kind tells what it hears of the kernel. Everything reported is the kernel's state, not a request. */
export interface KindSink<D> {
  /** The object is there, as given. */
  changed(actual: D): void;
  /** The object is gone; only what makes up its key need be right. */
  deleted(actual: D): void;
  /** Something on this device changed in a way that no notification tells in full: read it again. */
  suspect(link: string): void;
  /** The device is gone, and what lived on it. */
  linkGone(link: string): void;
  /** The device is there, new: nothing lives on it yet. */
  linkAppeared(link: string): void;
  /** Notifications were lost: everything has to be read again. */
  lost(): void;
}

/**
 * An object that a dump came upon, not yet read: nearly all are as wanted, and then nobody needs to know more than that.
 * Valid only during the call that it is given to.
 */
export interface Sighting<D extends KernelObject = KernelObject> {
  /** What {@link Kind.index} gives for it. */
  readonly hash: number;
  /** Whether it has the key of a wanted object. */
  hasKeyOf(wanted: D): boolean;
  /** Whether it satisfies a wanted object, whose key it has. */
  satisfies(wanted: D): boolean;
  /** All of it, to be kept. */
  read(): D;
}

/** Which part of a kind's objects to read. */
export interface DumpFilter {
  /** Only those on this device. */
  readonly link?: string;
  /** What is wanted at present, for kinds whose objects cannot be listed. */
  readonly wanted: () => Iterable<KernelObject>;
}

/**
 * One sort of kernel object: how to read, compare, write and watch it. The reconciler does the rest. A package may bring
 * kinds of its own (BPF maps, nft sets, WireGuard peers), and adds them by `Reconciler.add` before it wants any.
 *
 * What the kernel does by itself is for each kind to notice: a device that goes down or loses an address drops routes
 * without a notification. Notifications of what a `Linux` writes itself are left out, so a kind that shares objects
 * with another one has to tell that one by itself.
 *
 * Wanted and found objects have one type `D`; a found one states every attribute, a wanted one those that matter.
 */
export interface Kind<D extends KernelObject = KernelObject> {
  /** The value of {@link KernelObject.kind}. */
  readonly name: string;
  /**
   * Kinds are written in ascending order of rank, and removed in descending order. Those of this package have 0 (links),
   * 1 (settings), 2 (addresses), 3 (neighbours), 4 (forwarding entries) and 5 (routes); numbers between them are free, and
   * several kinds may have one.
   */
  readonly rank: number;
  /**
   * True if traffic may flow without these objects. One that is refused is shown and tried again as any other, but its
   * owner counts as being in place, and what there is to log of it the kind logs itself.
   */
  readonly advisory?: boolean;
  /** The kernel's own key of an object: two objects with one key cannot exist at once. */
  key(object: D): string;
  /**
   * Finds objects by key without making one for each of 150,000: a number of 32 bits that follows from the key and that
   * few objects have in common, and whether two objects have the same key. By the key unless told.
   */
  readonly index?: { hash(this: void, object: D): number; sameKey(this: void, a: D, b: D): boolean };
  /** The device that the object lives on, if it dies with one. */
  link?(object: D): string | undefined;
  /** Whether the wanted object asks for the very same as another wanted one, its device included. */
  same(a: D, b: D): boolean;
  /** Whether what was found satisfies what is wanted, so that nothing need be written. */
  satisfies(actual: D, wanted: D): boolean;
  /**
   * A small whole number for how wide a key is, for kinds whose keys hold one another, such as prefixes: {@link shadows}
   * looks only for those that some wanted object has.
   */
  breadth?(object: D): number;
  /**
   * How a found object may keep wanted ones from working, because it goes before them or has their place; undefined for
   * one that never does.
   */
  shadows?(actual: D): Shadow<D> | undefined;
  /**
   * Reads all objects that exist, or, where they cannot be listed (sysctls), those of the wanted keys.
   */
  dump(filter: DumpFilter, each: (actual: D) => void, signal: AbortSignal): Promise<void>;
  /**
   * As {@link dump}, for kinds that can tell whether an object is as wanted without reading all of it. Used in its place,
   * and begun as soon as the first object is wanted, so that `filter.wanted` may not give all; `each` is not to be called
   * before the turn in which it is begun has ended.
   */
  scan?(filter: DumpFilter, each: (sighting: Sighting<D>) => void, signal: AbortSignal): Promise<void>;
  /**
   * Creates or changes objects; one outcome each, in order. What it throws concerns the kind as a whole: it is shown, and
   * tried again at growing distances, while other kinds go on without it. An error with the code `OVERLAY_LINK_MISSING` or
   * `OVERLAY_LINK_DOWN` means that the object waits for its device and is tried again when that appears or is suspect.
   */
  put(wanted: readonly D[], signal: AbortSignal): Promise<readonly Outcome[]>;
  /** Removes objects. One that is not there any more counts as removed. */
  remove(objects: readonly D[], signal: AbortSignal): Promise<readonly Outcome[]>;
  /** Begins to report changes; the function given back ends it. */
  watch?(sink: KindSink<D>): () => void;
  /**
   * True if the kernel also reports our own writes, unmarked. Then a report that equals something written in the last
   * second is taken for an echo.
   */
  readonly echoes?: boolean;
}
