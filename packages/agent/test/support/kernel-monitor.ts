import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { NetworkNode } from '@overlay/lab';
import { until } from './until.js';

/** An address that tells when the monitor has begun to listen, and when it has told everything. */
const SIGN = '192.0.2.254';

/** Everything that the kernel of a host says changed: links, addresses, routes, neighbours, FDB, settings. */
export class KernelMonitor implements AsyncDisposable {
  readonly #node: NetworkNode;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #log: string;

  private constructor(node: NetworkNode, log: string) {
    this.#node = node;
    this.#log = log;
    this.#child = node.spawn(['ip', '-o', 'monitor', 'all'], { logFile: log });
    this.#ended = once(this.#child, 'exit');
  }

  /** Listens to a host. */
  static async start(node: NetworkNode, log: string): Promise<KernelMonitor> {
    const monitor = new KernelMonitor(node, log);
    await until(async () => {
      await monitor.#sign();
      return monitor.#lines().some((line) => line.includes(SIGN));
    }, 'the monitor tells of an address');
    return monitor;
  }

  /** What has changed since {@link start}, one line each. */
  async changes(): Promise<readonly string[]> {
    const signs = (): number => this.#lines().filter((line) => line.includes(SIGN)).length;
    const before = signs();
    await this.#sign();
    // Two messages for the address, two for its local route; they come in the order in which things happened.
    await until(() => signs() >= before + 4, 'the monitor has told everything');
    return this.#lines().filter((line) => !line.includes(SIGN));
  }

  async #sign(): Promise<void> {
    await this.#node.exec(['ip', 'addr', 'add', `${SIGN}/32`, 'dev', 'lo']);
    await this.#node.exec(['ip', 'addr', 'del', `${SIGN}/32`, 'dev', 'lo']);
  }

  #lines(): string[] {
    return (
      readFileSync(this.#log, 'utf8')
        .split('\n')
        // What ip(8) has to say for itself, as about an interface whose other end is in another namespace, is no change.
        .filter((line) => line.startsWith('['))
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
