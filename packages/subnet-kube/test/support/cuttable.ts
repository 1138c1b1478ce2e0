import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A way to a server on loopback that a test can cut, block, make silent and slow. */
export class Cuttable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #blocked = false;
  #silent = false;
  #delayMs = 0;
  /** What the server has said and nobody has heard, for each connection that is held up. */
  #held: Map<Socket, Buffer> | undefined;
  /** Connections that have been made. */
  connections = 0;

  static async to(port: number): Promise<Cuttable> {
    const cuttable = new Cuttable(port);
    await new Promise<void>((resolve) => cuttable.#server.listen(0, '127.0.0.1', resolve));
    return cuttable;
  }

  private constructor(port: number) {
    this.#server = createServer((from) => {
      if (this.#blocked) {
        from.destroy();
        return;
      }
      this.connections++;
      const to = connect(port, '127.0.0.1');
      const pair = [from, to] as const;
      this.#pairs.add(pair);
      const end = (): void => {
        this.#pairs.delete(pair);
        from.destroy();
        to.destroy();
      };
      from.on('error', end).on('close', end);
      // What was said before comes first.
      const endLater = (): void => void (this.#delayMs > 0 ? setTimeout(end, this.#delayMs) : end());
      to.on('error', endLater).on('close', endLater);
      from.on('data', (piece: Buffer) => to.write(piece));
      to.on('data', (piece: Buffer) => {
        if (this.#delayMs > 0) setTimeout(() => from.write(piece), this.#delayMs);
        else if (this.#held !== undefined)
          this.#held.set(from, Buffer.concat([this.#held.get(from) ?? Buffer.alloc(0), piece]));
        else if (!this.#silent) from.write(piece);
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get open(): number {
    return this.#pairs.size;
  }

  /** Ends all connections. */
  cut(): void {
    for (const [from, to] of this.#pairs) {
      from.destroy();
      to.destroy();
    }
  }

  /** Lets nobody in. */
  block(blocked: boolean): void {
    this.#blocked = blocked;
  }

  /** Lets nothing of the server through, and keeps connections. */
  silence(silent: boolean): void {
    this.#silent = silent;
  }

  /** Has everything that the server says come so many milliseconds later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Keeps what the server says, until {@link pass} or for ever. */
  hold(): void {
    this.#held = new Map();
  }

  /** Bytes that are held. */
  get held(): number {
    let sum = 0;
    for (const bytes of this.#held?.values() ?? []) sum += bytes.length;
    return sum;
  }

  /** Lets so many bytes of what is held through, of each connection. */
  pass(bytes: number): void {
    for (const [to, held] of this.#held ?? []) {
      to.write(held.subarray(0, bytes));
      this.#held?.set(to, held.subarray(bytes));
    }
  }

  /** Lets all of what is held through, and what follows. */
  release(): void {
    this.pass(Infinity);
    this.#held = undefined;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
