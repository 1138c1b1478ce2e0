import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { NetworkNode } from '@overlay/lab';

/** Somebody on a host who gives `ip` the same command again and again, until disposed of. */
export class Vandal implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #timer: NodeJS.Timeout;
  /** How often it has given the command. */
  times = 0;

  constructor(node: NetworkNode, command: string, everyMs: number) {
    this.#child = spawn('ip', ['-n', node.netns, '-force', '-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
    this.#ended = once(this.#child, 'exit');
    this.#timer = setInterval(() => {
      this.times += 1;
      this.#child.stdin?.write(`${command}\n`);
    }, everyMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#child.stdin?.end();
    await this.#ended;
  }
}
