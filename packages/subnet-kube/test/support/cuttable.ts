import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A way to a server on loopback that a test can cut, block and make silent. */
export class Cuttable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #blocked = false;
  #silent = false;
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
      for (const socket of pair) socket.on('error', end).on('close', end);
      from.on('data', (piece: Buffer) => to.write(piece));
      to.on('data', (piece: Buffer) => {
        if (!this.#silent) from.write(piece);
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

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
