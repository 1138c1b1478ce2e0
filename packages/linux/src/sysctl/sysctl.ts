import type { Logger } from '@overlay/core';
import { errorText, OverlayError, silentLogger } from '@overlay/core';
import type { ProcFiles } from '../proc/files.js';
import { ownProcFiles } from '../proc/files.js';

/** `off` leaves every setting as it is and only says what would have been needed. */
export type SysctlMode = 'on' | 'off';

/** What became of a wish for a setting. */
export interface SysctlOutcome {
  readonly key: string;
  /**
   * `sufficient`: it was so already, nothing was written. `changed`. `left`: it is insufficient, but settings are to be
   * left alone. `absent`: this kernel or network namespace has no such setting.
   */
  readonly result: 'sufficient' | 'changed' | 'left' | 'absent';
  /** What it was before. */
  readonly previous?: string;
  /** What it is, or should be if it was left. */
  readonly value: string;
}

export interface SysctlOptions {
  readonly mode?: SysctlMode;
  /** The files of the network namespace to work in; the process's own unless told. */
  readonly files?: ProcFiles;
  readonly logger?: Logger;
}

/** Names the network settings below /proc/sys, one segment at least after `net`. */
const KEY = /^net(\/[^/\s]+)+$/;

/**
 * The kernel's network settings of one network namespace. Writes only what is insufficient, and logs the old and the
 * new value of what it writes.
 *
 * Keys are written with slashes, `net/ipv4/conf/eth0.100/rp_filter`, because interface names have dots in them.
 */
export class Sysctl {
  readonly mode: SysctlMode;
  readonly #files: ProcFiles;
  readonly #logger: Logger;

  constructor(options: SysctlOptions = {}) {
    this.mode = options.mode ?? 'on';
    this.#files = options.files ?? ownProcFiles;
    this.#logger = options.logger ?? silentLogger;
  }

  /**
   * The value without the line's end; undefined if there is no such setting.
   *
   * @throws OverlayError `OVERLAY_SYSCTL_FAILED`.
   */
  async read(key: string): Promise<string | undefined> {
    const path = pathOf(key);
    try {
      return (await this.#files.read(path))?.trim();
    } catch (error) {
      throw failed(`cannot read the kernel setting ${key}: ${errorText(error)}`, error);
    }
  }

  /** The value as a number; undefined if there is none, or it is not one number. */
  async readNumber(key: string): Promise<number | undefined> {
    const text = await this.read(key);
    return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
  }

  /**
   * Makes the setting exactly this value.
   *
   * @throws OverlayError `OVERLAY_SYSCTL_FAILED` with the remedy.
   */
  async set(key: string, value: string | number): Promise<SysctlOutcome> {
    return this.#ensure(key, String(value), (previous) => previous === String(value));
  }

  /**
   * Makes the setting at least this number; a higher one stays.
   *
   * @throws OverlayError `OVERLAY_SYSCTL_FAILED` with the remedy.
   */
  async raise(key: string, atLeast: number): Promise<SysctlOutcome> {
    return this.#ensure(key, String(atLeast), (previous) => Number(previous) >= atLeast);
  }

  async #ensure(key: string, value: string, suffices: (previous: string) => boolean): Promise<SysctlOutcome> {
    const previous = await this.read(key);
    if (previous === undefined) return { key, result: 'absent', value };
    if (suffices(previous)) return { key, result: 'sufficient', previous, value: previous };
    if (this.mode === 'off') return { key, result: 'left', previous, value };
    try {
      await this.#files.write(pathOf(key), value);
    } catch (error) {
      throw failed(
        `cannot change the kernel setting ${key} from ${previous} to ${value}: ${errorText(error)}; ` +
          `set it outside, with: ${sysctlCommand(key, value)}`,
        error,
      );
    }
    this.#logger.info('changed a kernel setting', { key, from: previous, to: value });
    return { key, result: 'changed', previous, value };
  }
}

/** The command by which a person makes the same setting. */
export function sysctlCommand(key: string, value: string | number): string {
  return `sysctl -w ${key}=${value}`;
}

function pathOf(key: string): string {
  if (!KEY.test(key) || key.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new TypeError(`expected the key of a network setting, such as net/ipv4/ip_forward (actual: ${key})`);
  }
  return `/proc/sys/${key}`;
}

function failed(message: string, cause: unknown): OverlayError {
  return new OverlayError('OVERLAY_SYSCTL_FAILED', message, { cause });
}
