import type { Family } from '../address/index.js';
import { errorText } from '../errors.js';
import type { Lease } from '../lease.js';
import type { Clock } from '../ports/clock.js';
import { systemClock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { silentLogger } from '../ports/logger.js';
import { KnownPeers } from './known-peers.js';
import type { Path } from './path.js';
import { Rotation } from './rotation.js';
import { TransitionLog } from './transition-log.js';
import type { EchoSender, PathState, Reachability } from './types.js';
import { worst } from './worst.js';

/** How long an answer is waited for, in milliseconds. */
const PATIENCE_MS = 1_000;

/** A timer that runs so much too late means that nobody was there to read answers, in milliseconds. */
const STALLED_MS = 50;

/** How long a family rests for which there is no socket, in milliseconds. */
const NO_SOCKET_MS = 10_000;

/** The peers are read anew once a second, of many seldom: a thousand a second. Both in milliseconds. */
const FOLLOW_MS = 1_000;
const FOLLOW_PEER_MS = 1;

/** The most paths that are listed; the counts tell of all. */
const LISTED = 100;

export interface ProberOptions {
  /** Probes a second over all peers; more than 0. They come at uneven distances, 1/rate on average. */
  readonly rate: number;
  /** All peers to which packets are sent now. */
  readonly peers: () => Iterable<Lease>;
  /** Makes what sends; `answered` is to be called with the token of each request that was answered. */
  readonly open: (answered: (token: number) => void) => EchoSender;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** Numbers from 0 up to, not including, 1. `Math.random` unless told. */
  readonly random?: () => number;
}

/** A probe on its way. */
interface Flight {
  readonly path: Path;
  readonly sentAt: number;
  /** In milliseconds since the Unix epoch. */
  readonly sentOn: number;
  deadline: number;
}

/**
 * Finds out whether packets really pass: sends an echo request to each peer's subnet in turn, a few a second in all, and
 * keeps the books. It works from its making until {@link close}, on one timer.
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #elapsed: () => number;
  readonly #random: () => number;
  readonly #rotation = new Rotation();
  readonly #peers = new KnownPeers(this.#rotation);
  readonly #log: TransitionLog;
  readonly #sender: EchoSender;
  /** In the order in which they were sent, by token. */
  readonly #flights = new Map<number, Flight>();
  readonly #withoutSocket = new Map<Family, { readonly why: string; readonly until: number }>();
  #token = 0;
  #followAt: number;
  #probeAt: number;
  #wakeAt = 0;
  #cancel: (() => void) | undefined;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#elapsed = () => this.#clock.elapsed();
    this.#random = options.random ?? Math.random;
    this.#log = new TransitionLog(this.#clock, this.#logger);
    this.#sender = options.open((token) => this.#answered(token));
    const now = this.#elapsed();
    this.#followAt = now;
    // Hosts that start in one instant do not probe in one.
    this.#probeAt = now + this.#distance();
    this.#sleep(now);
  }

  /** What is known by now. */
  report(): Reachability {
    const { paths } = this.#rotation;
    const counts: Record<PathState, number> = { reachable: 0, unreachable: 0, unknown: 0 };
    for (const { state } of paths) counts[state]++;
    const problems = new Set([...this.#withoutSocket.values()].map(({ why }) => why));
    return {
      rate: this.#options.rate,
      ...(problems.size > 0 && { problem: [...problems].join('; ') }),
      counts,
      peers: worst(paths, LISTED).map((path) => path.report()),
    };
  }

  /** Ends it. Idempotent. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#flights.clear();
    this.#log.close();
    this.#sender.close();
  }

  #wake(): void {
    const now = this.#elapsed();
    const late = now - this.#wakeAt;
    // Answers may have come meanwhile that are still to be read.
    if (late > STALLED_MS) for (const flight of this.#flights.values()) flight.deadline += late;
    this.#expire(now);
    if (now >= this.#followAt) {
      this.#peers.follow(this.#options.peers());
      this.#followAt = now + Math.max(FOLLOW_MS, this.#peers.size * FOLLOW_PEER_MS);
    }
    if (now >= this.#probeAt) {
      this.#probeAt = now + this.#distance();
      const path = this.#rotation.next(now);
      if (path !== undefined) this.#probe(path, now);
    }
    this.#sleep(now);
  }

  #sleep(now: number): void {
    const [oldest] = this.#flights.values();
    this.#wakeAt = Math.min(this.#probeAt, this.#followAt, oldest?.deadline ?? Infinity);
    this.#cancel = this.#clock.after(Math.max(0, Math.ceil(this.#wakeAt - now)), () => this.#wake());
  }

  /** Milliseconds to the next probe. */
  #distance(): number {
    return (1000 / this.#options.rate) * (0.5 + this.#random());
  }

  #probe(path: Path, now: number): void {
    const { family } = path;
    const blocked = this.#withoutSocket.get(family);
    if (blocked !== undefined && now < blocked.until) return;
    path.probedAt = now;
    const token = this.#token;
    this.#token = (token + 1) >>> 0;
    const flight = { path, sentAt: this.#elapsed(), sentOn: this.#clock.now(), deadline: now + PATIENCE_MS };
    this.#flights.set(token, flight);
    try {
      this.#sender.send({ address: path.target, token, refused: (why) => this.#refused(token, why) });
    } catch (error) {
      this.#flights.delete(token);
      const why = errorText(error);
      if (blocked === undefined) this.#logger.warn(`probing over ${family}: ${why}`);
      this.#withoutSocket.set(family, { why, until: now + NO_SOCKET_MS });
      return;
    }
    if (this.#withoutSocket.delete(family)) this.#logger.info(`probing over ${family} again`);
  }

  #answered(token: number): void {
    const flight = this.#landed(token);
    if (flight?.path.answered(this.#elapsed() - flight.sentAt)) this.#log.back(flight.path);
  }

  #refused(token: number, why: string): void {
    const flight = this.#landed(token);
    if (flight !== undefined) this.#missed(flight, why);
  }

  #expire(now: number): void {
    for (const [token, flight] of this.#flights) {
      if (flight.deadline > now) return;
      if (this.#landed(token) !== undefined) this.#missed(flight);
    }
  }

  #missed({ path, sentOn }: Flight, why?: string): void {
    if (path.missed(sentOn, why)) this.#log.lost(path);
    this.#rotation.doubt(path);
  }

  /** A flight that is over, unless the peer is forgotten by now. */
  #landed(token: number): Flight | undefined {
    const flight = this.#flights.get(token);
    this.#flights.delete(token);
    return flight === undefined || flight.path.place < 0 ? undefined : flight;
  }
}
