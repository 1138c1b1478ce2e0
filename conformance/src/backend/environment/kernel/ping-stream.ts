import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Address } from '@overlay/core';
import type { NetworkNode } from '@overlay/lab';
import type { TrafficStream } from '../environment.js';
import { until } from '../../../suite/until.js';

/** Seconds between two echo requests. */
const INTERVAL_S = 0.005;

/** Echo requests every 5 ms, for as long as a test lasts. */
export class PingStream implements TrafficStream {
  readonly #child: ChildProcess;
  readonly #file: string;
  readonly #ended: Promise<void>;
  readonly #what: string;

  /** @param file where `ping` writes to; the environment's, which removes it. */
  constructor(from: NetworkNode, to: Address, file: string) {
    this.#what = `ping from ${from.name} to ${to}`;
    this.#file = file;
    this.#child = from.spawn(['ping', '-n', '-i', String(INTERVAL_S), to], {
      logFile: file,
      env: { ...process.env, LC_ALL: 'C' },
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
  }

  /** Waits until this many more answers have come than there are now. */
  async passes(timeoutMs: number, more = 10): Promise<void> {
    const wanted = this.#answers().size + more;
    await until(
      () => `${this.#what}: ${more} answers, got ${this.#answers().size - wanted + more}`,
      timeoutMs,
      () => this.#answers().size >= wanted,
    );
  }

  /** Ends it and tells which requests before the last answered one were not answered. */
  async stop(): Promise<{ readonly answered: number; readonly lost: readonly number[] }> {
    this.#child.kill('SIGINT');
    await this.#ended;
    const answers = this.#answers();
    const lost: number[] = [];
    const last = Math.max(0, ...answers);
    for (let seq = 1; seq < last; seq += 1) if (!answers.has(seq)) lost.push(seq);
    return { answered: answers.size, lost };
  }

  /** Ends it, whatever it has seen. */
  async close(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Sequence numbers that were answered; they do not come round within a test's time. */
  #answers(): ReadonlySet<number> {
    const text = readFileSync(this.#file, 'utf8');
    return new Set([...text.matchAll(/bytes from .*icmp_seq=(\d+)/g)].map((match) => Number(match[1])));
  }
}
