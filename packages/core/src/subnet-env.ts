import type { Family, Prefix } from './address/index.js';
import { addressAt, prefixLength, tryParsePrefix } from './address/index.js';
import type { PerFamily } from './lease.js';
import { quoted } from './quoted.js';

/** One family's part of `subnet.env`. */
export interface SubnetEnvFamily {
  /** The network that all hosts share. */
  readonly network: Prefix;
  /** The subnet that this host holds. */
  readonly subnet: Prefix;
}

/** What `subnet.env` tells the CNI plugin and container runtimes. */
export interface SubnetEnv extends PerFamily<SubnetEnvFamily> {
  /** Bytes of the largest packet that a pod may send. */
  readonly mtu: number;
  /** Whether the agent masquerades what leaves the network, so that nobody else needs to. */
  readonly ipMasq: boolean;
}

/** What could be read of one family in a `subnet.env` that somebody else may have written. */
export interface SubnetEnvFamilyReading {
  /** Absent when the file has none, several, or one that is no prefix. */
  readonly network?: Prefix;
  /** Absent when the file has none, several, or one that is no prefix. Host bits are cleared. */
  readonly subnet?: Prefix;
  /** All prefixes of the NETWORK line in their order, without duplicates: the CNI plugin routes to each. */
  readonly networks: readonly Prefix[];
}

/** What could be read of a `subnet.env`. */
export interface SubnetEnvReading extends PerFamily<SubnetEnvFamilyReading> {
  /** From 0 to 2^32 - 1. */
  readonly mtu?: number;
  /** Absent when the file does not say. Anything but `true` is false. */
  readonly ipMasq?: boolean;
  /** Why something that the file has is missing here, one line each. */
  readonly problems: readonly string[];
}

const KEYS = {
  ipv4: { network: 'FLANNEL_NETWORK', subnet: 'FLANNEL_SUBNET' },
  ipv6: { network: 'FLANNEL_IPV6_NETWORK', subnet: 'FLANNEL_IPV6_SUBNET' },
} as const;

/**
 * The text of `subnet.env`, byte for byte as flanneld writes it: these lines, this order, a newline at the end. SUBNET
 * holds the first usable address with the length of the subnet.
 */
export function formatSubnetEnv(env: SubnetEnv): string {
  const lines: string[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    const part = env[family];
    if (part === undefined) continue;
    lines.push(`${KEYS[family].network}=${part.network}`);
    lines.push(`${KEYS[family].subnet}=${addressAt(part.subnet, 1)}/${prefixLength(part.subnet)}`);
  }
  lines.push(`FLANNEL_MTU=${env.mtu}`, `FLANNEL_IPMASQ=${env.ipMasq}`);
  return `${lines.join('\n')}\n`;
}

/**
 * Reads a `subnet.env`, also one written by another program or by hand. Never throws: what cannot be read is absent and
 * told in `problems`. Lines are `KEY=value` as in a dotenv file: blank lines and `#` comments are passed over, `export`,
 * blanks around the `=` and quotes around the value are accepted, and the last of equal keys counts.
 *
 * As to flanneld, a list of prefixes is none to an allocator, because it cannot tell which is meant; see
 * {@link SubnetEnvFamilyReading.networks} for the plugin's view.
 */
export function parseSubnetEnv(text: string): SubnetEnvReading {
  const variables = readVariables(text);
  const problems: string[] = [];
  const mtu = readMtu(variables.get('FLANNEL_MTU'), problems);
  const ipMasq = variables.get('FLANNEL_IPMASQ');
  const ipv4 = readFamily('ipv4', variables, problems);
  const ipv6 = readFamily('ipv6', variables, problems);
  return {
    ...(ipv4 && { ipv4 }),
    ...(ipv6 && { ipv6 }),
    ...(mtu !== undefined && { mtu }),
    ...(ipMasq !== undefined && { ipMasq: ipMasq === 'true' }),
    problems,
  };
}

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*$/;

function readVariables(text: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [, key, raw] = LINE.exec(line) ?? [];
    if (key !== undefined && raw !== undefined) variables.set(key, unquoted(raw));
  }
  return variables;
}

function unquoted(raw: string): string {
  const inQuotes = /^(["'])(.*?)\1\s*(?:#.*)?$/.exec(raw);
  if (inQuotes) return inQuotes[2];
  return raw.replace(/(?:^|\s+)#.*$/, '');
}

function readFamily(
  family: Family,
  variables: ReadonlyMap<string, string>,
  problems: string[],
): SubnetEnvFamilyReading | undefined {
  const keys = KEYS[family];
  const networks = readPrefixes(family, keys.network, variables, problems);
  const subnets = readPrefixes(family, keys.subnet, variables, problems);
  const network = onlyOne(keys.network, networks, problems);
  const subnet = onlyOne(keys.subnet, subnets, problems);
  if (networks.length === 0 && subnets.length === 0) return undefined;
  return { ...(network && { network }), ...(subnet && { subnet }), networks };
}

function readPrefixes(
  family: Family,
  key: string,
  variables: ReadonlyMap<string, string>,
  problems: string[],
): readonly Prefix[] {
  const value = variables.get(key);
  if (value === undefined || value === '') return [];
  const found = new Set<Prefix>();
  for (const part of value.split(',')) {
    const prefix = tryParsePrefix(part.trim(), family);
    if (prefix !== undefined) found.add(prefix);
    else problems.push(`${key}: expected ${family === 'ipv4' ? 'an IPv4' : 'an IPv6'} prefix, got ${quoted(part)}`);
  }
  return [...found];
}

function onlyOne(key: string, prefixes: readonly Prefix[], problems: string[]): Prefix | undefined {
  if (prefixes.length < 2) return prefixes[0];
  problems.push(`${key}: expected one prefix, got ${quoted(prefixes.join(','))}: taken as none`);
  return undefined;
}

function readMtu(value: string | undefined, problems: string[]): number | undefined {
  if (value === undefined) return undefined;
  if (/^[0-9]{1,10}$/.test(value) && Number(value) <= 0xffffffff) return Number(value);
  problems.push(`FLANNEL_MTU: expected an integer from 0 to 4294967295, got ${quoted(value)}`);
  return undefined;
}
