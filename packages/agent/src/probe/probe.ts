import type { Lease, Logger } from '@overlay/core';
import { errorText } from '@overlay/core';
import type { Reachability } from '@overlay/core/reachability';
import { Prober } from '@overlay/core/reachability';
import { IcmpSender } from './icmp-sender.js';
import type { RawSocketModule } from './raw-socket.js';
import { loadRawSocket } from './raw-socket.js';

export interface ProbeOptions {
  /** Probes a second, over all peers. */
  readonly rate: number;
  readonly peers: () => Iterable<Lease>;
  readonly logger: Logger;
  /** Gives raw-socket. From beside this program unless told. */
  readonly load?: () => RawSocketModule;
}

/** The probe of this host's peers. */
export interface Probe {
  report(): Reachability;
  close(): void;
}

/** Begins to probe. Where raw-socket is missing that is said once, and in every report; nothing else needs it. */
export function startProbe({ rate, peers, logger, load }: ProbeOptions): Probe {
  let raw: RawSocketModule;
  try {
    raw = load === undefined ? loadRawSocket(import.meta.url) : load();
  } catch (error) {
    const problem = errorText(error);
    logger.warn(`--probe: peers are not probed: ${problem}`);
    const counts = { reachable: 0, unreachable: 0, unknown: 0 };
    return { report: () => ({ rate, problem, counts, peers: [] }), close: () => undefined };
  }
  return new Prober({ rate, peers, logger, open: (answered) => new IcmpSender(raw, answered) });
}
