import type { Family } from '@overlay/core';
import type { NetworkNode } from '@overlay/lab';
import type { ViewItem } from '../view.js';
import { View } from '../view.js';
import { bpfItems } from './read-bpf.js';
import { shownJson } from './shown-json.js';

type Json = Readonly<Record<string, unknown>>;

const SEPARATOR = '%%';
const COMMANDS = [
  'ip -d -j link',
  'ip -j address',
  'ip -N -d -j route show table main',
  'ip -6 -N -d -j route show table main',
  'ip -j neighbour show nud permanent',
  'bridge -j fdb show',
];

/** The links, addresses, routes, permanent neighbours and tunnel forwarding entries of a namespace at one moment. */
export async function readView(node: NetworkNode): Promise<View> {
  const { stdout } = await node.exec(['sh', '-ec', COMMANDS.join(`; echo '${SEPARATOR}';`)]);
  const [links, addresses, ipv4, ipv6, neighbours, fdb] = stdout.split(SEPARATOR).map(shownJson);
  return new View([
    ...links.map(linkItem),
    ...addresses.flatMap(addressItems),
    ...ipv4.map((route) => routeItem(route, 'ipv4')),
    // The kernel makes these for every device; when it does is its own affair.
    ...ipv6.filter((route) => !/^(fe80|ff)/.test(String(route.dst))).map((route) => routeItem(route, 'ipv6')),
    ...neighbours.map(neighbourItem),
    ...fdb.filter((entry) => entry.dst !== undefined).map(fdbItem),
    ...(await bpfItems(node)),
  ]);
}

function pick(json: Json, names: readonly string[]): string {
  return names
    .filter((name) => json[name] !== undefined)
    .map((name) => `${name}=${JSON.stringify(json[name])}`)
    .join(' ');
}

function linkItem(raw: Json): ViewItem {
  const name = String(raw.ifname);
  const info = (raw.linkinfo ?? {}) as { info_kind?: string; info_data?: unknown };
  const state = (raw.flags as string[]).includes('UP') ? 'up' : 'down';
  // A bridge's data has timers in it, which run.
  const data = info.info_kind === 'bridge' ? '' : JSON.stringify(info.info_data ?? {});
  const text = `link ${name} ${info.info_kind ?? ''} ${state} ${pick(raw, ['mtu', 'address', 'ifalias', 'master'])} ${data}`;
  return { kind: 'link', key: `link ${name}`, device: name, text, raw };
}

function addressItems(raw: Json): ViewItem[] {
  const device = String(raw.ifname);
  return (raw.addr_info as Json[]).filter(isSettled).map((info) => {
    const text = `address ${String(info.local)}/${String(info.prefixlen)} dev ${device}`;
    return { kind: 'address', key: text, device, family: familyOf(info.local), text, raw: info };
  });
}

/** Not one that the kernel made by itself for IPv6. */
function isSettled(info: Json): boolean {
  return info.local !== undefined && !(info.family === 'inet6' && info.scope === 'link');
}

function routeItem(raw: Json, family: Family): ViewItem {
  const key = `${family} route ${String(raw.dst)} metric ${Number(raw.metric ?? 0)}`;
  const rest = pick(raw, ['type', 'gateway', 'dev', 'protocol', 'scope', 'prefsrc', 'flags', 'metrics', 'encap']);
  // A route without carrier is told so by a flag that comes and goes.
  const text = `${key} ${rest.replaceAll('"linkdown"', '')}`;
  return { kind: 'route', key, device: String(raw.dev), family, text, raw };
}

function neighbourItem(raw: Json): ViewItem {
  const key = `neighbour ${String(raw.dst)} dev ${String(raw.dev)}`;
  return {
    kind: 'neighbour',
    key,
    device: String(raw.dev),
    family: familyOf(raw.dst),
    text: `${key} ${pick(raw, ['lladdr', 'state'])}`,
    raw,
  };
}

function fdbItem(raw: Json): ViewItem {
  const key = `fdb ${String(raw.mac)} dev ${String(raw.ifname)} dst ${String(raw.dst)}`;
  return {
    kind: 'fdb',
    key,
    device: String(raw.ifname),
    family: familyOf(raw.dst),
    text: `${key} ${pick(raw, ['flags', 'state'])}`,
    raw,
  };
}

function familyOf(address: unknown): Family {
  return String(address).includes(':') ? 'ipv6' : 'ipv4';
}
