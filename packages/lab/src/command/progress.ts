/** What happens at the moment, for a person who waits: on a terminal the last line is rewritten. */
export class Progress {
  #stream: NodeJS.WritableStream;
  #isTerminal: boolean;
  #counting = false;
  #lastCount = 0;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
    this.#isTerminal = (stream as { isTTY?: boolean }).isTTY === true;
  }

  /** A line of its own. */
  line(text: string): void {
    this.#endCount();
    this.#stream.write(`${text}\n`);
  }

  /** How far something is. Into a file or a pipe it goes once a second only, and at the end. */
  count(what: string, done: number, of: number): void {
    if (this.#isTerminal) {
      this.#counting = true;
      this.#stream.write(`\r${what} ${done}/${of}`);
      if (done === of) this.#endCount();
      return;
    }
    const now = performance.now();
    if (done < of && now - this.#lastCount < 1000) return;
    this.#lastCount = now;
    this.#stream.write(`${what} ${done}/${of}\n`);
  }

  #endCount(): void {
    if (this.#counting) this.#stream.write('\n');
    this.#counting = false;
  }
}
