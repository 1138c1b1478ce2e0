import type { HeldLease, LeaseTable } from '../lease-table/index.js';
import { FAMILIES } from '../lease.js';
import { quoted } from '../quoted.js';
import type { Clock } from '../ports/clock.js';
import { sharedAddressTexts } from './shared-addresses.js';
import type { ChangeLog } from './change-log.js';

/** Changes come in crowds; what is held is looked at once for each crowd. */
const SETTLE_MS = 1_000;

/** The most held leases that are told of one by one. */
const TOLD = 100;

/** What a {@link HeldReport} works with, and whom it tells. */
export interface HeldReportContext {
  readonly table: LeaseTable;
  readonly clock: Clock;
  readonly log: ChangeLog;
  /** What is held is another. */
  changed(): void;
}

/** Says once which leases are not believed and why, or publish one address, and when that is over. */
export class HeldReport {
  readonly #context: HeldReportContext;
  #told = new Map<string, string>();
  #shared: ReadonlyMap<string, string> = new Map();
  #cancel: (() => void) | undefined;

  constructor(context: HeldReportContext) {
    this.#context = context;
  }

  /** The leases may have changed. */
  look(): void {
    this.#cancel ??= this.#context.clock.after(SETTLE_MS, () => {
      this.#cancel = undefined;
      this.#report();
    });
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #report(): void {
    const { table, log } = this.#context;
    const held = new Map<string, string>();
    for (const lease of table.held()) {
      if (held.size === TOLD) break;
      held.set(lease.key, reasonOf(lease));
    }
    let differs = false;
    for (const [key, reason] of held) {
      if (this.#told.get(key) === reason) continue;
      differs = true;
      log.warn(`held ${key}`, `lease ${quoted(key)} is held: ${reason}`);
    }
    for (const key of this.#told.keys()) {
      if (held.has(key)) continue;
      differs = true;
      log.over(`held ${key}`, `lease ${quoted(key)} is held no longer`);
    }
    this.#told = held;
    const shared = sharedAddressTexts(table);
    for (const [address, text] of shared) {
      if (this.#shared.get(address) === text) continue;
      differs = true;
      log.warn(`shared ${address}`, text);
    }
    for (const address of this.#shared.keys()) {
      if (shared.has(address)) continue;
      differs = true;
      log.over(`shared ${address}`, `${address} is published by one lease alone again`);
    }
    this.#shared = shared;
    if (differs) this.#context.changed();
  }
}

function reasonOf({ problem, reasons, endpoints }: HeldLease): string {
  const each = FAMILIES.flatMap((family) => reasons[family] ?? []);
  return [problem, ...each, endpoints].filter((text) => text !== undefined).join('; ');
}
