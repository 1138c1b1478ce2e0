import { errorCode, OverlayError } from '@overlay/core';
import { tryAcquireInstance } from '../cleanup/agent-lock.js';
import { askAgent } from '../control/client.js';
import type { ControlRequest } from '../control/protocol.js';
import { runPaths } from '../run-directory/run-paths.js';
import { instanceName } from '../flags/instance-name.js';
import type { CommandFlags } from './read-flags.js';

/** Nobody is there to ask. */
export const EXIT_NO_AGENT = 2;

/**
 * Asks the agent of this network namespace.
 *
 * @throws OverlayError `OVERLAY_AGENT_ABSENT` with what to do; others as {@link askAgent}.
 */
export async function ask(request: ControlRequest, flags: CommandFlags, timeoutMs: number): Promise<unknown> {
  const instance = instanceName(flags.text('instance'));
  const { socket } = runPaths(flags.text('run-dir'), instance);
  try {
    return await askAgent(request, { path: socket, timeoutMs });
  } catch (error) {
    if (errorCode(error) !== 'OVERLAY_AGENT_ABSENT') throw error;
    throw new OverlayError('OVERLAY_AGENT_ABSENT', await whyAbsent(instance, socket), { cause: error });
  }
}

/** An agent may be there and only its socket out of sight: in another container, or with another --run-dir. */
async function whyAbsent(instance: string, socket: string): Promise<string> {
  const { lock, holder } = await tryAcquireInstance(instance, new AbortController().signal);
  await lock?.release();
  if (holder === undefined) return `no agent of instance ${instance} runs in this network namespace`;
  const pid = holder.pid === undefined ? '' : ` (pid ${holder.pid})`;
  return (
    `the agent of instance ${instance}${pid} does not listen on ${socket}; it may be starting, have another --run-dir, ` +
    'or be in a container: ask there'
  );
}
