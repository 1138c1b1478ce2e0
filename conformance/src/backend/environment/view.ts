import { addressBytes } from '@overlay/core';
import type { Address, Family } from '@overlay/core';

/** One object of a host's data path, in words, without what changes by itself. */
export interface ViewItem {
  readonly kind:
    'link' | 'address' | 'route' | 'neighbour' | 'fdb' | 'rule' | 'firewall' | 'program' | 'map' | 'process';
  /** What tells it apart from others. */
  readonly key: string;
  /** The device that it is, or is on. */
  readonly device: string;
  readonly family?: Family;
  /** Everything about it that must stay, for comparing and for showing. */
  readonly text: string;
  /** Its bytes, where those are all that is known of it: addresses are found in them. */
  readonly bytes?: Uint8Array;
  /** As the environment told it. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** What a host's data path is made of at one moment. */
export class View {
  readonly #items: ReadonlyMap<string, ViewItem>;

  constructor(items: Iterable<ViewItem>) {
    this.#items = new Map([...items].map((item) => [item.key, item]));
  }

  get items(): readonly ViewItem[] {
    return [...this.#items.values()];
  }

  get size(): number {
    return this.#items.size;
  }

  of(kind: ViewItem['kind']): readonly ViewItem[] {
    return this.items.filter((item) => item.kind === kind);
  }

  has(item: ViewItem): boolean {
    return this.#items.get(item.key)?.text === item.text;
  }

  /** With more items. */
  plus(items: Iterable<ViewItem>): View {
    return new View([...this.items, ...items]);
  }

  /** What is here and not, or not the same, in the other one. */
  minus(other: View): View {
    return new View(this.items.filter((item) => !other.has(item)));
  }

  /** What one would have to know to make this the other one; empty when they are equal. */
  differences(wanted: View): readonly string[] {
    return [
      ...wanted.minus(this).items.map(({ text }) => `missing: ${text}`),
      ...this.minus(wanted).items.map(({ text }) => `too much: ${text}`),
    ];
  }

  /** What is here and not the same in the other one, each with what is there in its place. */
  lostIn(other: View): readonly string[] {
    return this.minus(other).items.map(({ key, text }) => {
      const now = other.#items.get(key);
      return now === undefined ? text : `${text}; in its place: ${now.text}`;
    });
  }

  /** Whether an address shows in any object. */
  mentions(address: Address): boolean {
    const inBytes = Buffer.from(addressBytes(address));
    return this.items.some(
      ({ text, bytes }) =>
        text.split(/[\s"/,=[\]{}]+/).includes(address) || (bytes && Buffer.from(bytes).includes(inBytes)),
    );
  }
}
