import type { Address, Clock, Host, HostState, Logger, Mac } from '@overlay/core';
import { errorText, FAMILIES } from '@overlay/core';
import type { LinkTable } from '../kernel/link-table.js';
import type { AnnouncementFrame } from './frames.js';
import { announcementFrame } from './frames.js';

/** When it is said, in milliseconds: as often and as far apart as RFC 4861 allows, for a switch that learns late. */
const TIMES_MS = [0, 1000, 2000] as const;

/** ARPHRD_ETHER of linux/if_arp.h. */
const ETHERNET = 1;

export interface AnnouncerContext {
  readonly links: LinkTable;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends by the device with this index; throws what keeps it from doing so. */
  readonly send: (index: number, frame: AnnouncementFrame) => void;
  /** Whether this host forwards IPv6 on a device. */
  readonly isRouter: (device: string) => Promise<boolean>;
}

/** What neighbours have to know of this host. */
interface Place {
  readonly index: number;
  readonly name: string;
  readonly mac: Mac;
  readonly addresses: readonly Address[];
}

/**
 * Tells the link where this host is when its interface has another MAC, another index or another address than before, and
 * at the start. Without a word a neighbour sends to the old MAC until its entry has been doubted and asked for in vain,
 * which takes up to a minute; that holds for tunnels too, whose packets go to the same neighbours.
 */
export class Announcer {
  readonly #context: AnnouncerContext;
  readonly #stopListening: () => void;
  #host: Host | undefined;
  /** What was said last. */
  #said = '';
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(context: AnnouncerContext) {
    this.#context = context;
    this.#stopListening = context.links.onChange(({ link }) => {
      if (link.index === this.#host?.interface.index) this.#look();
    });
  }

  /** Takes in where the host is now. */
  follow({ host }: HostState): void {
    this.#host = host;
    this.#look();
    if (host === undefined) return;
    // The table may not have been read yet.
    this.#context.links.ready().then(
      () => this.#look(),
      () => undefined,
    );
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#stopListening();
  }

  #look(): void {
    const place = this.#place();
    if (place === undefined || this.#closed) return;
    const text = JSON.stringify(place);
    if (text === this.#said) return;
    const isFirst = this.#said === '';
    this.#said = text;
    this.#cancel?.();
    const { name, mac, addresses } = place;
    const line = `${name}: telling the link that ${addresses.join(' and ')} ${addresses.length > 1 ? 'are' : 'is'} at ${mac}`;
    if (isFirst) this.#context.logger.debug(line);
    else this.#context.logger.info(line);
    void this.#announce(place, text);
  }

  /** Undefined as long as nothing can be said, or nobody listens. */
  #place(): Place | undefined {
    const host = this.#host;
    if (host === undefined || host.interface.running === false) return undefined;
    const { index, name } = host.interface;
    const link = this.#context.links.byIndex(index);
    if (link?.mac === undefined || link.hardwareType !== ETHERNET || link.noArp || !link.lowerUp) return undefined;
    return { index, name, mac: link.mac, addresses: FAMILIES.flatMap((family) => host[family]?.address ?? []) };
  }

  async #announce(place: Place, text: string): Promise<void> {
    const { clock, isRouter, logger } = this.#context;
    const router = await isRouter(place.name).catch(() => true);
    const say = (turn: number): void => {
      if (this.#closed || this.#said !== text) return;
      try {
        for (const address of place.addresses) {
          this.#context.send(place.index, announcementFrame(address, place.mac, { router }));
        }
      } catch (error) {
        logger.warn(`${place.name}: neighbours cannot be told of MAC ${place.mac}: ${errorText(error)}`);
        return;
      }
      if (turn + 1 < TIMES_MS.length) {
        this.#cancel = clock.after(TIMES_MS[turn + 1] - TIMES_MS[turn], () => say(turn + 1));
      }
    };
    say(0);
  }
}
