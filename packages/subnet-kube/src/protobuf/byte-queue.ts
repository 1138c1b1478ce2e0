/** Bytes that come in pieces and are taken in others. */
export class ByteQueue {
  #pieces: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** The next `count` bytes, which stay; undefined while there are fewer. */
  peek(count: number): Buffer | undefined {
    if (this.#length < count) return undefined;
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= count) return first.subarray(0, count);
    const all = Buffer.concat(this.#pieces, this.#length);
    this.#pieces = [all];
    return all.subarray(0, count);
  }

  /** The next `count` bytes; undefined while there are fewer. */
  take(count: number): Buffer | undefined {
    const taken = this.peek(count);
    if (taken !== undefined) this.#drop(count);
    return taken;
  }

  #drop(count: number): void {
    this.#length -= count;
    const [first] = this.#pieces;
    if (first === undefined) return;
    if (first.length === count) this.#pieces.shift();
    else this.#pieces[0] = first.subarray(count);
  }
}
