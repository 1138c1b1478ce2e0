import type { InstanceHolder, InstanceLock } from '@overlay/linux';
import { acquireInstance } from '@overlay/linux';

/** Either the right to work on the instance, or who has it. */
export type Hold =
  | { readonly lock: InstanceLock; readonly holder?: undefined }
  | { readonly holder: InstanceHolder; readonly lock?: undefined };

/** Takes an instance, or says at once who has it. Throws OverlayError `OVERLAY_INSTANCE_FAILED`, `OVERLAY_ABORTED`. */
export async function tryAcquireInstance(instance: string, signal: AbortSignal): Promise<Hold> {
  const stop = new AbortController();
  const found: { holder?: InstanceHolder } = {};
  const onWaiting = (holder: InstanceHolder): void => {
    found.holder = holder;
    stop.abort();
  };
  try {
    return { lock: await acquireInstance(instance, { signal: AbortSignal.any([signal, stop.signal]), onWaiting }) };
  } catch (error) {
    if (found.holder === undefined) throw error;
    return { holder: found.holder };
  }
}
