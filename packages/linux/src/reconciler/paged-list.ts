const PAGE_BITS = 10;
const PAGE = 1 << PAGE_BITS;

/**
 * A list that only grows, in pages. An array is copied to a larger one as it grows, and until the collector comes by
 * there are all the former ones too: twice the last one, and each too large to be collected with what is young.
 */
export class PagedList<T> {
  readonly #pages: T[][] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param at a place below {@link length}. */
  get(at: number): T {
    return this.#pages[at >>> PAGE_BITS][at & (PAGE - 1)];
  }

  /** @param at a place below {@link length}, or the next one. */
  set(at: number, value: T): void {
    if (at === this.#length) {
      if ((at & (PAGE - 1)) === 0) this.#pages.push([]);
      this.#length += 1;
    }
    this.#pages[at >>> PAGE_BITS][at & (PAGE - 1)] = value;
  }
}
