import type { Address, Clock, Logger, PerFamily } from '@overlay/core';
import { errorText, systemClock } from '@overlay/core';
import { Backoff, wait } from '@overlay/core/store';
import type { InterfaceOptions } from '@overlay/linux';
import { Observable } from 'rxjs';

const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 10_000;

export interface AskedInterfaceOptions {
  /** What the flags say. */
  readonly given: InterfaceOptions;
  /** Addresses that the store has for this host; asked until there is an answer. */
  readonly ask: (options: { readonly signal: AbortSignal }) => Promise<PerFamily<Address>>;
  /** Addresses that this host published before, as far as that is remembered: used while there is no answer. */
  readonly before?: (options: { readonly signal: AbortSignal }) => Promise<PerFamily<Address> | undefined>;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/**
 * How the interface of this host is chosen, once the store has said which addresses somebody has set for this host: they
 * go before the flags, and the interface that has one of them before any that a flag names. Until then, why not.
 */
export function askedInterfaceOptions(
  options: AskedInterfaceOptions,
): Observable<{ readonly options: InterfaceOptions } | { readonly waiting: string }> {
  const { given, ask, before, logger, clock = systemClock } = options;
  const withAddresses = ({ ipv4, ipv6 }: PerFamily<Address>): InterfaceOptions => ({
    ...given,
    ...(ipv4 && { publicIP: ipv4 }),
    ...(ipv6 && { publicIPv6: ipv6 }),
  });
  return new Observable((subscriber) => {
    const ending = new AbortController();
    const { signal } = ending;
    const run = async (): Promise<void> => {
      const backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
      let found: PerFamily<Address> | undefined;
      for (let told = false; ; told = true) {
        try {
          const addresses = await ask({ signal });
          for (const address of [addresses.ipv4, addresses.ipv6]) {
            if (address !== undefined)
              logger.info(`${address} is set for this host in the store, and goes before any flag`);
          }
          subscriber.next({ options: withAddresses(addresses) });
          return;
        } catch (error) {
          if (signal.aborted) return;
          const known = told ? undefined : await before?.({ signal }).catch(() => undefined);
          if (known !== undefined) found = known;
          const waiting = `the addresses that may be set for this host in the store: ${errorText(error)}; trying again`;
          subscriber.next(found === undefined ? { waiting } : { options: withAddresses(found) });
          if (!told) logger.warn(`waiting for ${waiting}`);
          await wait(clock, backoff.next(), 'asking for addresses', signal).catch(() => undefined);
        }
      }
    };
    void run();
    return () => ending.abort();
  });
}
