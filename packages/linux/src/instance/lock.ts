import { OverlayError, throwIfAborted } from '@overlay/core';
import type { InstanceHolder } from './holder.js';
import { currentHolder } from './holder.js';
import { serve } from './serve.js';
import { waitForEnd } from './wait.js';

/** The right to work on a network namespace under an instance's name. */
export interface InstanceLock {
  readonly instance: string;
  /** Gives it up; whoever waits takes over. Idempotent. The end of the process does the same. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface AcquireInstanceOptions {
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Called once for each holder that is waited for. */
  readonly onWaiting?: (holder: InstanceHolder) => void;
}

/** After so many rounds without an answer the holder is told as unknown. */
const SILENT_ROUNDS = 3;

/**
 * Takes the only place that there is for an instance in the network namespace of this process; waits while another agent
 * has it. The place is a name in the abstract namespace of Unix sockets (unix(7)), which belongs to one network namespace
 * and which the kernel frees when its holder ends in whatever way, so that nothing stale can be left. Whoever waits keeps
 * a connection to the holder and sees it close.
 *
 * The name can be taken by anybody in the network namespace, so it keeps agents apart, not attackers out.
 *
 * @param instance 1 to 64 letters, digits, `_`, `.` and `-`. Instances of different names do not meet.
 * @throws OverlayError `OVERLAY_ABORTED`; `OVERLAY_CONFIG_INVALID` for a bad name; `OVERLAY_INSTANCE_FAILED` when the
 *   kernel refuses the socket.
 */
export async function acquireInstance(instance: string, options: AcquireInstanceOptions): Promise<InstanceLock> {
  if (!/^[\w.-]{1,64}$/.test(instance)) {
    throw new OverlayError(
      'OVERLAY_CONFIG_INVALID',
      `--instance: expected 1 to 64 letters, digits, "_", "." and "-", got ${JSON.stringify(instance.slice(0, 80))}`,
      { key: '--instance' },
    );
  }
  const what = `wait for instance ${instance}`;
  const path = `\0overlay/${instance}`;
  const self = currentHolder();
  let told = false;
  const onWaiting = (holder: InstanceHolder): void => {
    told = true;
    options.onWaiting?.(holder);
  };
  for (let round = 1; ; round++) {
    throwIfAborted(what, options.signal);
    const server = await serve(path, self);
    if (server !== undefined) {
      if (options.signal.aborted) await server.close();
      throwIfAborted(what, options.signal);
      return { instance, release: () => server.close(), [Symbol.asyncDispose]: () => server.close() };
    }
    await waitForEnd(path, { signal: options.signal, onWaiting });
    // Something that hangs up without a word holds the name; nobody should wait in silence.
    if (round === SILENT_ROUNDS && !told && !options.signal.aborted) onWaiting({});
  }
}
