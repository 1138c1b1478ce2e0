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
  'ip -4 -N -d -j route show table all',
  'ip -6 -N -d -j route show table all',
  'ip -j neighbour show nud permanent',
  'bridge -j fdb show',
  'ip -N -j rule show',
  'ip -6 -N -j rule show',
];
/** Without counters. Nothing where there is no `nft`: then nobody here has used it either. */
const FIREWALL = 'nft --stateless list ruleset 2>/dev/null || true';
/** The table that the kernel keeps for itself: what it puts there follows from the addresses. */
const LOCAL_TABLE = '255';
const MAIN_TABLE = '254';

/**
 * The links, addresses, routes of all tables, routing rules, permanent neighbours, tunnel forwarding entries, nftables and
 * BPF objects of a namespace at one moment.
 */
export async function readView(node: NetworkNode): Promise<View> {
  const { stdout } = await node.exec(['sh', '-ec', [...COMMANDS, FIREWALL].join(`; echo '${SEPARATOR}';`)]);
  const parts = stdout.split(SEPARATOR);
  const [links, addresses, ipv4, ipv6, neighbours, fdb, rules4, rules6] = parts
    .slice(0, COMMANDS.length)
    .map(shownJson);
  const requested = (route: Json): boolean => tableOf(route) !== LOCAL_TABLE;
  return new View([
    ...links.map(linkItem),
    ...addresses.flatMap(addressItems),
    ...ipv4.filter(requested).map((route) => routeItem(route, 'ipv4')),
    // The kernel makes these for every device; when it does is its own affair.
    ...ipv6
      .filter((route) => requested(route) && !/^(fe80|ff)/.test(String(route.dst)))
      .map((route) => routeItem(route, 'ipv6')),
    ...neighbours.map(neighbourItem),
    ...fdb.filter((entry) => entry.dst !== undefined).map(fdbItem),
    ...rules4.map((rule) => ruleItem(rule, 'ipv4')),
    ...rules6.map((rule) => ruleItem(rule, 'ipv6')),
    ...firewallItems(parts[COMMANDS.length]),
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

function tableOf({ table: shown }: Json): string {
  const table = shown as string | number | undefined;
  return { main: MAIN_TABLE, local: LOCAL_TABLE }[String(table)] ?? String(table ?? MAIN_TABLE);
}

function routeItem(raw: Json, family: Family): ViewItem {
  const table = tableOf(raw) === MAIN_TABLE ? '' : ` table ${tableOf(raw)}`;
  const key = `${family} route ${String(raw.dst)} metric ${Number(raw.metric ?? 0)}${table}`;
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

function ruleItem(raw: Json, family: Family): ViewItem {
  const text = `${family} rule ${JSON.stringify(raw)}`;
  return { kind: 'rule', key: text, device: '', family, text, raw };
}

/** One for each table of nftables. */
function firewallItems(ruleset: string): ViewItem[] {
  return ruleset
    .split(/^(?=table )/m)
    .filter((table) => table.trim() !== '')
    .map((table) => {
      const key = `nftables ${table.split(' {', 1)[0]}`;
      return { kind: 'firewall', key, device: '', text: `${key}: ${table.trim().replace(/\s+/g, ' ')}`, raw: {} };
    });
}

function familyOf(address: unknown): Family {
  return String(address).includes(':') ? 'ipv6' : 'ipv4';
}
