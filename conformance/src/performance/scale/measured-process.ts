import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { abortError, OverlayError } from '@overlay/core';
import type { Lease } from '@overlay/core';
import type { Answer, Order } from './protocol.js';

const MAIN = fileURLToPath(new URL('./measured-main.js', import.meta.url));

/** The program that loads a subject from its module. */
export function measuredProgram(subject: string): readonly string[] {
  return [MAIN, subject];
}

/** The process whose time and memory are measured. */
export class MeasuredProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #answers: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;
  #said = '';

  /** @param program what Node is given: options, a file that calls `runMeasured`, its arguments. */
  constructor(
    program: readonly string[],
    private readonly signal: AbortSignal,
  ) {
    this.#child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (this.#said = (this.#said + text).slice(-2000)));
    this.#child.stdin.on('error', () => undefined);
    this.#closed = once(this.#child, 'close').catch(() => undefined);
    signal.addEventListener('abort', this.#kill, { once: true });
  }

  /** Hands over leases, no faster than they are read. */
  async tell(leases: Iterable<Lease>): Promise<void> {
    let text = '';
    for (const lease of leases) {
      text += `${JSON.stringify(lease)}\n`;
      if (text.length < 65_536) continue;
      await this.#write(text);
      text = '';
    }
    await this.#write(text);
  }

  /**
   * Gives an order and waits for the answer.
   *
   * @throws OverlayError `OVERLAY_BENCH_FAILED` with the process's last words when it ends instead; `OVERLAY_ABORTED`.
   */
  async order(order: Order): Promise<Answer> {
    await this.#write(`${JSON.stringify(order)}\n`);
    const line = await this.#answers.next();
    if (!line.done) return JSON.parse(line.value) as Answer;
    if (this.signal.aborted) throw abortError('benchmark', this.signal);
    await this.#closed;
    const words = this.#said.trim().split('\n').slice(-8).join('\n');
    throw new OverlayError(
      'OVERLAY_BENCH_FAILED',
      `benchmark: the measured process ended at "${order.order}": ${words}`,
    );
  }

  /** Kills it, as a crash would. */
  async kill(): Promise<void> {
    this.#kill();
    this.signal.removeEventListener('abort', this.#kill);
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  readonly #kill = (): void => void this.#child.kill('SIGKILL');

  async #write(text: string): Promise<void> {
    if (this.#child.stdin.write(text) || this.#child.stdin.destroyed) return;
    await Promise.race([once(this.#child.stdin, 'drain'), this.#closed]);
  }
}
