import type { ConfigEvent, Family, Host, HostState, Logger, Prefix } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import type { InterfaceOptions } from '@overlay/linux';
import type { Observable } from 'rxjs';
import { combineLatest, distinctUntilChanged, of, ReplaySubject, switchMap, tap } from 'rxjs';

/** What the choice of the interface needs of the configuration. */
interface Need {
  readonly families: readonly Family[];
  readonly overlayNetworks: readonly Prefix[];
}

/**
 * What the configuration in use asks of the host. The address families of a host that carries traffic stay as they are: a
 * change of them waits for a restart, and a host must not lose its interface because of an edit.
 */
export class InterfaceNeed {
  readonly #needs = new ReplaySubject<Need>(1);
  readonly #carrying: () => boolean;
  #families: readonly Family[] | undefined;

  /** @param carrying whether this host carries traffic by now. */
  constructor(carrying: () => boolean) {
    this.#carrying = carrying;
  }

  get need$(): Observable<Need> {
    return this.#needs;
  }

  /** Takes in what a configuration stream says. */
  follow(event: ConfigEvent): void {
    if (event.type !== 'config') return;
    const { netConf } = event;
    if (this.#families === undefined || !this.#carrying()) {
      this.#families = FAMILIES.filter((family) => netConf[family] !== undefined);
    }
    const overlayNetworks = FAMILIES.flatMap((family) => netConf[family]?.network ?? []);
    this.#needs.next({ families: this.#families, overlayNetworks });
  }
}

export interface HostStreamOptions {
  readonly need$: Observable<Need>;
  /** How the interface is chosen, or why that cannot be said yet. */
  readonly interface$: Observable<{ readonly options: InterfaceOptions } | { readonly waiting: string }>;
  readonly observe: (options: InterfaceOptions) => Observable<HostState>;
  readonly logger: Logger;
}

/** The host on the underlay, by the flags and by what the configuration needs. Says in flanneld's words what it found. */
export function hostStream(options: HostStreamOptions): Observable<HostState> {
  const { need$, observe, logger } = options;
  let said = '';
  return combineLatest([need$, options.interface$]).pipe(
    distinctUntilChanged((a, b) => JSON.stringify(a) === JSON.stringify(b)),
    switchMap(([need, chosen]) => ('waiting' in chosen ? of(chosen) : observe({ ...chosen.options, ...need }))),
    tap(({ host }) => {
      const lines = host === undefined ? [] : hostLines(host);
      if (host === undefined || said === lines.join('\n')) return;
      said = lines.join('\n');
      for (const line of lines) logger.info(line);
    }),
  );
}

function hostLines(host: Host): string[] {
  const lines: string[] = [];
  for (const family of FAMILIES) {
    const own = host[family];
    if (own === undefined) continue;
    lines.push(`Using interface with name ${host.interface.name} and address ${own.address}`);
    const external =
      own.publicIP === own.address ? 'Defaulting external address to interface address' : 'Using external address';
    lines.push(`${external} (${own.publicIP})`);
  }
  return lines;
}
