import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import type { Address } from '@overlay/core';
import type { NetworkNode } from '@overlay/lab';

/** A ping a hundred times a second that writes nothing but its sums, so that it can go on for hours. */
export class QuietPing implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #log: string;

  constructor(from: NetworkNode, to: Address | undefined, log: string) {
    if (to === undefined) throw new Error(`${from.name} has nobody to ping`);
    const env = { ...process.env, LC_ALL: 'C' };
    this.#log = log;
    this.#child = from.spawn(['ping', '-q', '-n', '-i', '0.01', to], { logFile: log, env });
    this.#ended = once(this.#child, 'exit');
  }

  /** Ends it and tells how many packets were sent and how many did not come back. */
  async stop(): Promise<{ readonly sent: number; readonly lost: number }> {
    this.#child.kill('SIGINT');
    await this.#ended;
    const [, sent, received] =
      /^(\d+) packets transmitted, (\d+) received/m.exec(readFileSync(this.#log, 'utf8')) ?? [];
    if (sent === undefined) throw new Error(`ping wrote no sums into ${this.#log}`);
    return { sent: Number(sent), lost: Number(sent) - Number(received) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
