import type { Address, Family, Prefix } from '../address/index.js';
import { addressAt, addressBits, networkAddress, prefixLength } from '../address/index.js';
import type { PathReport, PathState } from './types.js';

/** How many probes the loss is told of; their outcomes are the bits of one small integer. */
const REMEMBERED = 20;
const ALL = 2 ** REMEMBERED - 1;

/** Losses in a row that make a peer unreachable. */
const LOSSES = 3;

/** RFC 6298, 2.3. */
const SMOOTHING = 1 / 8;

/** The way to one peer in one family: where it is probed, and what came of it. */
export class Path {
  readonly peer: string;
  readonly family: Family;
  readonly subnet: Prefix;
  /** Where a rotation has it; -1 while in none. */
  place = -1;
  /** When it was probed last, on the clock that measures durations. */
  probedAt = -Infinity;
  #state: PathState = 'unknown';
  #atGateway = false;
  /** Where the last answer came from. */
  #answersAtGateway = false;
  #sent = 0;
  #lost = 0;
  #outcomes = 0;
  #remembered = 0;
  #lossesInRow = 0;
  #firstLossAt = 0;
  #lastMs: number | undefined;
  #averageMs = 0;
  #problem: string | undefined;

  constructor(peer: string, family: Family, subnet: Prefix) {
    this.peer = peer;
    this.family = family;
    this.subnet = subnet;
  }

  get state(): PathState {
    return this.#state;
  }

  /** When the first of the probes was sent that are lost since, in milliseconds since the Unix epoch. */
  get firstLossAt(): number {
    return this.#firstLossAt;
  }

  /** From 0 to 1, over the last 20. */
  get loss(): number {
    let lost = 0;
    for (let bits = this.#outcomes; bits !== 0; bits &= bits - 1) lost++;
    return this.#remembered === 0 ? 0 : lost / this.#remembered;
  }

  get averageMs(): number {
    return this.#averageMs;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * The subnet's first address, which a tunnel's device bears, or the next one, which is that of the bridge of pods. The
   * one that has answered stays; as long as neither does, they take turns.
   */
  get target(): Address {
    return this.#address(this.#atGateway);
  }

  /** A probe has come back after so many milliseconds. True if it was unreachable. */
  answered(rttMs: number): boolean {
    const before = this.#state;
    if (before === 'unknown') this.#sent = this.#lost = 0;
    this.#state = 'reachable';
    this.#answersAtGateway = this.#atGateway;
    this.#lossesInRow = 0;
    this.#problem = undefined;
    this.#averageMs = this.#lastMs === undefined ? rttMs : this.#averageMs + SMOOTHING * (rttMs - this.#averageMs);
    this.#lastMs = rttMs;
    this.#remember(0);
    return before === 'unreachable';
  }

  /** A probe was lost that had been sent at `sentAt`, in milliseconds since the Unix epoch. True if that was one too many. */
  missed(sentAt: number, why?: string): boolean {
    this.#problem = why;
    if (this.#state !== 'reachable') this.#atGateway = !this.#atGateway;
    if (this.#state === 'unknown') {
      this.#sent++;
      return false;
    }
    if (this.#lossesInRow++ === 0) this.#firstLossAt = sentAt;
    this.#lost++;
    this.#remember(1);
    if (this.#state === 'unreachable' || this.#lossesInRow < LOSSES) return false;
    this.#state = 'unreachable';
    return true;
  }

  report(): PathReport {
    const known = this.#state !== 'unknown';
    return {
      peer: this.peer,
      family: this.family,
      target: known ? this.#address(this.#answersAtGateway) : this.target,
      state: this.#state,
      sent: this.#sent,
      lost: this.#lost,
      ...(known && { loss: this.loss }),
      ...(this.#lastMs !== undefined && {
        rtt: { lastMs: rounded(this.#lastMs), averageMs: rounded(this.#averageMs) },
      }),
      ...(this.#state === 'unreachable' && { unreachableSince: this.#firstLossAt }),
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }

  #address(gateway: boolean): Address {
    const { subnet, family } = this;
    return gateway && prefixLength(subnet) < addressBits(family) ? addressAt(subnet, 1) : networkAddress(subnet);
  }

  #remember(outcome: 0 | 1): void {
    this.#sent++;
    this.#outcomes = ((this.#outcomes << 1) | outcome) & ALL;
    this.#remembered = Math.min(this.#remembered + 1, REMEMBERED);
  }
}

/** Microseconds are as fine as it gets. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
