import { readFileSync } from 'node:fs';
import type { StateFile } from '@overlay/core';
import { errorCode, errorText, OverlayError, throwIfAborted } from '@overlay/core';
import { replaceFile } from './replace-file.js';

/** A configuration may hold secrets. */
const MODE = 0o600;

/** Where the agent remembers which configurations are in effect: a JSON file below the state directory. */
export class ConfigurationsFile implements StateFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws OverlayError `OVERLAY_STATE_FILE`, `OVERLAY_ABORTED`. */
  async read({ signal }: { readonly signal: AbortSignal }): Promise<string | undefined> {
    throwIfAborted(`reading ${this.#path}`, signal);
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw new OverlayError('OVERLAY_STATE_FILE', `reading ${this.#path}: ${errorText(error)}`, { cause: error });
    }
  }

  /** @throws OverlayError `OVERLAY_STATE_FILE`, `OVERLAY_ABORTED`. */
  async write(text: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    throwIfAborted(`writing ${this.#path}`, signal);
    try {
      replaceFile(this.#path, { text, mode: MODE, durable: true });
    } catch (error) {
      throw new OverlayError(
        'OVERLAY_STATE_FILE',
        `cannot write ${this.#path}: ${errorText(error)}; make the directory writable or choose another with --state-dir`,
        { cause: error, key: '--state-dir' },
      );
    }
  }
}
