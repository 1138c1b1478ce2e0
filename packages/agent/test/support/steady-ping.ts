import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Address } from '@overlay/core';
import type { NetworkNode } from '@overlay/lab';
import { until } from './until.js';

/** One thousand a second. */
const INTERVAL_S = '0.001';
/** The sequence numbers of ICMP come round. */
const ROUND = 0x10000;

/** What became of the echo requests up to the last answer. */
export interface PingCount {
  readonly answered: number;
  /** Sequence numbers of those that were not. */
  readonly lost: readonly number[];
}

/** A ping at 1 kHz that runs until it is told to stop, and counts to the packet what is lost meanwhile. */
export class SteadyPing implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #log: string;

  private constructor(child: ChildProcess, log: string) {
    this.#child = child;
    this.#ended = once(child, 'exit');
    this.#log = log;
  }

  /** Starts it, and waits for the first answers. */
  static async start(from: NetworkNode, to: Address | undefined, log: string): Promise<SteadyPing> {
    if (to === undefined) throw new Error(`${from.name} has nobody to ping`);
    const argv = ['ping', '-n', '-W', '1', '-i', INTERVAL_S, to];
    const ping = new SteadyPing(from.spawn(argv, { logFile: log, env: { ...process.env, LC_ALL: 'C' } }), log);
    await ping.#moreThan(10);
    return ping;
  }

  /** Waits until packets that are sent from now on have come back. */
  async goesOn(): Promise<void> {
    await this.#moreThan(this.#sequence().length + 50);
  }

  /** Ends it. What it sent last is not waited for, so only what was overtaken by an answer counts as lost. */
  async stop(): Promise<PingCount> {
    await this.goesOn();
    this.#child.kill('SIGINT');
    await this.#ended;
    const answered = new Set(this.#sequence());
    const lost: number[] = [];
    const last = Math.max(...answered);
    for (let number = 1; number < last; number++) if (!answered.has(number)) lost.push(number);
    return { answered: answered.size, lost };
  }

  async #moreThan(count: number): Promise<void> {
    await until(() => this.#sequence().length > count, `ping has more than ${count} answers in ${this.#log}`);
  }

  #sequence(): number[] {
    const numbers: number[] = [];
    let base = 0;
    let before = 0;
    for (const [, text] of readFileSync(this.#log, 'utf8').matchAll(/ icmp_seq=(\d+) (?:ttl|hlim)=/g)) {
      const number = Number(text);
      if (number + ROUND / 2 < before) base += ROUND;
      before = number;
      numbers.push(base + number);
    }
    return numbers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
