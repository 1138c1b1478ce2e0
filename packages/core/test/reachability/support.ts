import type { Lease } from '@overlay/core';
import { parseAddress, parsePrefix } from '@overlay/core';
import type { EchoRequest, EchoSender, PathReport, ProberOptions } from '@overlay/core/reachability';
import { Prober } from '@overlay/core/reachability';
import { HandClock, RecordingLogger } from '@overlay/core/testing';

/** Peers h0, h1, … with the subnets 10.244.0.0/24, 10.244.1.0/24, …, and of both families if told so. */
export function leases(count: number, dual = false): Lease[] {
  return Array.from({ length: count }, (_, at) => ({
    key: `h${at}`,
    subnets: {
      ipv4: parsePrefix(`10.${244 + (at >> 8)}.${at & 255}.0/24`),
      ...(dual && { ipv6: parsePrefix(`fd00:244:0:${at.toString(16)}::/64`) }),
    },
    attributes: { backendType: 'fake', ipv4: { publicIP: parseAddress('192.0.2.1') } },
  }));
}

/** Peers that answer or do not, as a test says, on a clock that stands until it is told to go on. */
export class ProbeWorld {
  readonly clock = new HandClock();
  readonly logger = new RecordingLogger();
  readonly sent: EchoRequest[] = [];
  readonly prober: Prober;
  peers: Lease[];
  closed = 0;
  /** For how long nothing ran at all, not even timers that were due. */
  stoodMs = 0;
  /** Whether an address answers, and after how many milliseconds. */
  answers: (address: string) => number | undefined = (address) => (address.endsWith('.0') ? 2 : undefined);
  /** Why the kernel would not send to an address. */
  refuses: (address: string) => string | undefined = () => undefined;
  socketless: (address: string) => Error | undefined = () => undefined;
  #answered: (token: number) => void = () => undefined;

  constructor(peers: Lease[], options: Partial<ProberOptions> = {}) {
    this.peers = peers;
    this.prober = new Prober({
      rate: 5,
      peers: () => this.peers,
      open: (answered) => this.#open(answered),
      logger: this.logger,
      clock: {
        now: () => this.clock.now(),
        elapsed: () => this.clock.elapsed() + this.stoodMs,
        after: (ms, action) => this.clock.after(ms, action),
      },
      random: () => 0.5,
      ...options,
    });
  }

  /** What is known of a peer. */
  of(peer: string, family = 'ipv4'): PathReport {
    const found = this.prober.report().peers.find((path) => path.peer === peer && path.family === family);
    if (found === undefined) throw new Error(`nothing is listed of ${peer}`);
    return found;
  }

  /** How often a network was probed. */
  probes(subnetStart: string): number {
    return this.sent.filter(({ address }) => address.startsWith(subnetStart)).length;
  }

  /** An answer arrives by itself. */
  answer(token: number): void {
    this.#answered(token);
  }

  #open(answered: (token: number) => void): EchoSender {
    this.#answered = answered;
    return {
      send: (request) => {
        const missing = this.socketless(request.address);
        if (missing !== undefined) throw missing;
        this.sent.push(request);
        const why = this.refuses(request.address);
        const after = this.answers(request.address);
        if (why !== undefined) queueMicrotask(() => request.refused(why));
        else if (after !== undefined) this.clock.after(after, () => answered(request.token));
      },
      close: () => void this.closed++,
    };
  }
}
