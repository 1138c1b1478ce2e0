import type { NetlinkMessage } from '../message.js';
import { firstMessage, readU32 } from '../message.js';
import { AddressFamily, MessageFlag, MessageType } from '../protocol.js';
import { decodeAddress } from './address.js';
import { decodeFdb } from './fdb.js';
import { decodeLink } from './link.js';
import { decodeNeighbour } from './neighbour.js';
import { decodeRoute } from './route.js';
import { decodeFilter } from './traffic-control.js';

/** What a request asks for, in words for error messages: `adding route 10.1.0.0/24 via 10.1.0.0 dev #5 table 254`. */
export function describeRequest(request: Uint8Array): string {
  const message = firstMessage(request);
  const dump = (message.flags & MessageFlag.dump) === MessageFlag.dump && verbOf(message) === 'reading';
  return `${verbOf(message)} ${dump ? plural(message) : object(message)}`;
}

/** rtnetlink's types come in fours: new, delete, get, set. */
function verbOf({ type, flags }: NetlinkMessage): string {
  switch (type & 3) {
    case 0:
      if ((flags & MessageFlag.replace) !== 0) return (flags & MessageFlag.create) !== 0 ? 'setting' : 'replacing';
      return (flags & MessageFlag.create) !== 0 ? 'adding' : 'changing';
    case 1:
      return 'deleting';
    case 2:
      return 'reading';
    default:
      return 'changing';
  }
}

function plural(message: NetlinkMessage): string {
  switch (message.type) {
    case MessageType.getLink:
      return 'links';
    case MessageType.getAddress:
      return 'addresses';
    case MessageType.getRoute:
      return 'routes';
    case MessageType.getNeighbour:
      return message.buffer[message.start] === AddressFamily.bridge ? 'FDB entries' : 'neighbours';
    case MessageType.getQdisc:
      return 'queueing disciplines';
    case MessageType.getFilter:
      return `filters dev #${readU32(message.buffer, message.start + 4)}`;
    default:
      return `objects of netlink type ${message.type}`;
  }
}

function object(message: NetlinkMessage): string {
  switch (message.type & ~3) {
    case MessageType.newLink:
      return link(message);
    case MessageType.newAddress: {
      const found = decodeAddress(message);
      return found === undefined ? 'an address' : `address ${found.address}/${found.prefixLength} dev #${found.index}`;
    }
    case MessageType.newRoute:
      return route(message);
    case MessageType.newNeighbour:
      return neighbour(message);
    case MessageType.newQdisc:
      return `qdisc dev #${readU32(message.buffer, message.start + 4)}`;
    case MessageType.newFilter: {
      const { index, direction, name } = decodeFilter(message) ?? { index: 0, direction: 'egress', name: '' };
      return `${direction} filter ${name ?? ''} dev #${index}`;
    }
    default:
      return `an object of netlink type ${message.type}`;
  }
}

function link(message: NetlinkMessage): string {
  const { name, index, kind, vxlan } = decodeLink(message);
  const vni = vxlan === undefined || vxlan.vni === 0 ? '' : ` id ${vxlan.vni}`;
  return `link ${name || `#${index}`}${kind === undefined ? '' : ` (${kind}${vni})`}`;
}

function route(message: NetlinkMessage): string {
  const found = decodeRoute(message);
  if (found === undefined) return 'a route';
  const type = found.type === 'unicast' || found.type === 0 ? '' : `${found.type} `;
  const via = found.gateway === undefined ? '' : ` via ${found.gateway}`;
  const device = found.outIndex === undefined ? '' : ` dev #${found.outIndex}`;
  const metric = found.metric === 0 ? '' : ` metric ${found.metric}`;
  const table = found.table === 0 ? '' : ` table ${found.table}`;
  return `route ${type}${found.destination}${via}${device}${metric}${table}`;
}

function neighbour(message: NetlinkMessage): string {
  const entry = decodeFdb(message);
  if (entry !== undefined) {
    return `FDB entry ${entry.mac}${entry.destination === undefined ? '' : ` dst ${entry.destination}`} dev #${entry.index}`;
  }
  const found = decodeNeighbour(message);
  if (found === undefined) return `a neighbour dev #${readU32(message.buffer, message.start + 4)}`;
  return `neighbour ${found.address}${found.mac === undefined ? '' : ` lladdr ${found.mac}`} dev #${found.index}`;
}
