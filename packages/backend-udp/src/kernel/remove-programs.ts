import type { Linux } from '@overlay/linux';
import { Attachments } from './attachments.js';

/**
 * Takes away the programs that a kernel path has left: with another path they would go on taking datagrams.
 *
 * @throws NetlinkError.
 */
export async function removePrograms(linux: Linux, signal: AbortSignal): Promise<void> {
  const attachments = new Attachments(linux.session, linux.alias);
  for (const attachment of await attachments.list(undefined, signal)) {
    const refused = await attachments.detach(attachment, signal);
    if (refused) throw refused;
  }
}
