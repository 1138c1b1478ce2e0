/** What may accompany an {@link OverlayError}. */
export interface OverlayErrorOptions {
  /** The error below this one. */
  readonly cause?: unknown;
  /** The configuration key or flag that is wrong, as its reader knows it: `SubnetLen`, `--iface`. */
  readonly key?: string;
}

/**
 * Every error that this project raises on purpose.
 *
 * `code` starts with `OVERLAY_` and stays the same between releases of one major version; `message` is one line for a
 * person (what was attempted, on what, what to do) and may change at any time. Test for `code`, never for the class:
 * two copies of this package may be loaded at once.
 */
export class OverlayError extends Error {
  override readonly name: string = 'OverlayError';
  readonly code: string;
  readonly key?: string;

  constructor(code: string, message: string, options: OverlayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.key !== undefined) this.key = options.key;
  }
}

/** The `code` of an error, if it carries one, whoever raised it. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}

/** One line for a person from anything that was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The error with which an operation ends that was told to stop. `code`: `OVERLAY_ABORTED`. */
export function abortError(what: string, signal?: AbortSignal): OverlayError {
  return new OverlayError('OVERLAY_ABORTED', `${what}: stopped before it was done`, { cause: signal?.reason });
}

/** Throws {@link abortError} when the signal has already been given. */
export function throwIfAborted(what: string, signal?: AbortSignal): void {
  if (signal?.aborted) throw abortError(what, signal);
}
