import { constants } from 'node:os';
import process from 'node:process';
import type { LabIo } from './lab-io.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What tells a command to stop, until it is disposed. */
export interface Termination extends Disposable {
  readonly signal: AbortSignal;
  /** The exit code for the signal that came: 128 and its number; 1 when something else was the cause. */
  exitCode(): number;
}

/** Stops by the caller's signal, or else by the process's own; and when nobody reads the output any more. */
export function onTermination(io: LabIo): Termination {
  const controller = new AbortController();
  let received: (typeof SIGNALS)[number] | undefined;
  const onSignal = (name: (typeof SIGNALS)[number]): void => {
    if (controller.signal.aborted) return;
    received = name;
    controller.abort(new Error(name));
  };
  // `overlay lab | head`: without a listener the failed write would end the process, and the lab would be left.
  const onError = (error: Error): void => controller.abort(error);
  if (io.signal === undefined) for (const name of SIGNALS) process.on(name, onSignal);
  for (const stream of [io.stdout, io.stderr]) stream.on('error', onError);
  return {
    signal: io.signal === undefined ? controller.signal : AbortSignal.any([io.signal, controller.signal]),
    exitCode: () => (received === undefined ? 1 : 128 + constants.signals[received]),
    [Symbol.dispose]: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
      for (const stream of [io.stdout, io.stderr]) stream.off('error', onError);
    },
  };
}
