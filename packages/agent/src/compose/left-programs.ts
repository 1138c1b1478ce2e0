import { removePrograms } from '@overlay/backend-udp';
import type { Agent, Logger } from '@overlay/core';
import { errorText } from '@overlay/core';
import type { Linux } from '@overlay/linux';

/**
 * Takes away the BPF programs of an agent that ended, if this one's configuration has no use for them. With their devices,
 * which bear our mark, most go by themselves; not so the one on the interface of the host, which would go on taking the
 * datagrams of the network that was. To be called when the agent is ready for the first time: then what the peers need is
 * there. Never rejects.
 */
export async function removeLeftPrograms(
  agent: Pick<Agent, 'status'>,
  { linux, logger, signal }: { readonly linux: Linux; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const { config, applying } = agent.status();
  // A change that is under way ends with the removal of what was before.
  if (config === undefined || config.backend.type === 'udp' || applying !== undefined) return;
  try {
    await removePrograms(linux, signal);
  } catch (error) {
    if (!signal.aborted) logger.warn(`removing the programs that an earlier agent has left: ${errorText(error)}`);
  }
}
