import type { Family } from '@overlay/core';

/** A base chain that drops forwarded packets which nothing in it accepts. */
export interface ForwardChain {
  /** nftables' word: `ip`, `ip6`, `inet`. */
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** True for firewalld's, which has the policy accept but ends in a reject. */
  readonly firewalld: boolean;
}

/**
 * Reads `nft -j list chains` (libnftables-json(5)): the base chains on the forward hook that drop by their policy, and
 * firewalld's, once.
 */
export function droppingForwardChains(json: string, families: readonly Family[]): readonly ForwardChain[] {
  const concerned = new Set(['inet', ...families.map((family) => (family === 'ipv4' ? 'ip' : 'ip6'))]);
  const found: ForwardChain[] = [];
  for (const chain of chainsOf(json)) {
    const { family, table, name, hook, policy } = chain;
    if (typeof family !== 'string' || typeof table !== 'string' || typeof name !== 'string') continue;
    if (hook !== 'forward' || !concerned.has(family)) continue;
    const firewalld = table === 'firewalld';
    if (policy !== 'drop' && !firewalld) continue;
    if (firewalld && found.some((other) => other.firewalld)) continue;
    found.push({ family, table, name, firewalld });
  }
  return found;
}

function chainsOf(json: string): readonly Readonly<Record<string, unknown>>[] {
  const parsed: unknown = JSON.parse(json);
  const items = isRecord(parsed) ? parsed['nftables'] : undefined;
  if (!Array.isArray(items)) throw new Error('nft answered with something that is no list of chains');
  return items.flatMap((item: unknown) => {
    const chain = isRecord(item) ? item['chain'] : undefined;
    return isRecord(chain) ? [chain] : [];
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
