import type { Link, NetlinkMessage, NetlinkPort } from '../../dist/netlink/index.js';
import { decodeLink, getLink } from '../../dist/netlink/index.js';

/** All objects of a dump, decoded; those that the decoder does not know are left out. */
export async function collect<T>(
  port: NetlinkPort,
  request: Uint8Array,
  decode: (message: NetlinkMessage) => T | undefined,
): Promise<T[]> {
  const found: T[] = [];
  await port.dump(request, (message) => {
    const object = decode(message);
    if (object !== undefined) found.push(object);
  });
  return found;
}

export async function linkNamed(port: NetlinkPort, name: string): Promise<Link> {
  return decodeLink(await port.query(getLink(name)));
}
