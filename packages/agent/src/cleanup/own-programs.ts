import { Attachments } from '@overlay/backend-udp';
import type { Attachment } from '@overlay/backend-udp';
import type { NetlinkPort } from '@overlay/linux/netlink';

/** A BPF program of ours on a device. */
export interface OwnProgram {
  readonly attachment: Attachment;
  /** Its device's qdisc was made for ours, and nobody else uses it. */
  readonly withQdisc: boolean;
}

/** Reads the programs that bear an alias. Throws NetlinkError. */
export async function readOwnPrograms(
  port: NetlinkPort,
  alias: string,
  signal: AbortSignal,
): Promise<readonly OwnProgram[]> {
  const session = { use: <T>(request: (port: NetlinkPort) => Promise<T>) => request(port), send: port.send.bind(port) };
  const attachments = new Attachments(session, alias);
  const programs: OwnProgram[] = [];
  for (const attachment of await attachments.list(undefined, signal)) {
    programs.push({ attachment, withQdisc: await attachments.canGo(attachment.index, signal) });
  }
  return programs;
}
