import { prefixContains } from '../address/index.js';
import type { Prefix } from '../address/index.js';
import type { JsonValue } from '../json.js';
import { FAMILIES } from '../lease.js';
import type { PerFamily } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import { subnetFits } from '../subnet-picker.js';

/**
 * What taking another configuration means for a host that carries traffic. `none`: the same. `live`: it moves no
 * traffic; `reopens` when the open network has to know of it. `moving`: it does, and `changes` says how, one line each.
 */
export type ConfigurationChange =
  | { readonly kind: 'none' }
  | { readonly kind: 'live'; readonly changes: readonly string[]; readonly reopens: boolean }
  | { readonly kind: 'moving'; readonly changes: readonly string[] };

/**
 * Compares the configuration in use with another one. Live are only a network that grows around the old one, bounds for
 * new subnets between which the own ones still lie, options of which the backend says so ({@link Backend.liveOptions}),
 * and warnings; everything else may move traffic of this host or its peers.
 */
export function compareConfigurations(
  current: NetConf,
  next: NetConf,
  ownSubnets: PerFamily<Prefix>,
  liveOptions: readonly string[] = [],
): ConfigurationChange {
  const backend = backendChanges(current, next, liveOptions);
  const moving = [...backend.moving];
  const live = [...backend.live];
  let reopens = backend.live.length > 0;
  for (const family of FAMILIES) {
    const before = current[family];
    const after = next[family];
    const name = family === 'ipv4' ? 'IPv4' : 'IPv6';
    if (before === undefined || after === undefined) {
      if (before !== after) moving.push(`${name} is switched ${after === undefined ? 'off' : 'on'}`);
      continue;
    }
    const own = ownSubnets[family];
    if (before.network !== after.network) {
      const change = `${name} network ${before.network} becomes ${after.network}`;
      if (prefixContains(after.network, before.network)) {
        live.push(change);
        reopens = true;
      } else moving.push(own && !prefixContains(after.network, own) ? `${change}, without our ${own}` : change);
    }
    const bounds = (['subnetLen', 'subnetMin', 'subnetMax'] as const).filter((key) => before[key] !== after[key]);
    if (bounds.length === 0) continue;
    if (own !== undefined && subnetFits(before, own) && !subnetFits(after, own)) {
      moving.push(`${name} subnets of new shape, which our ${own} has not`);
    } else {
      live.push(`${name} ${bounds.map((key) => `${key} ${before[key]} becomes ${after[key]}`).join(', ')}`);
    }
  }
  if (moving.length > 0) return { kind: 'moving', changes: [...moving, ...live] };
  if (current.enableNFTables !== next.enableNFTables) live.push(`EnableNFTables becomes ${next.enableNFTables}`);
  const sameWarnings = current.warnings.join('\n') === next.warnings.join('\n');
  return live.length > 0 || !sameWarnings ? { kind: 'live', changes: live, reopens } : { kind: 'none' };
}

/** Whether two configurations mean the same; warnings are no part of that. */
export function sameConfiguration(a: NetConf, b: NetConf): boolean {
  const change = compareConfigurations(a, b, {});
  return change.kind === 'none' || change.changes.length === 0;
}

function backendChanges(
  current: NetConf,
  next: NetConf,
  liveOptions: readonly string[],
): { readonly moving: readonly string[]; readonly live: readonly string[] } {
  const before = current.backend;
  const after = next.backend;
  if (before.type !== after.type) return { moving: [`Backend.Type ${before.type} becomes ${after.type}`], live: [] };
  const old = byFoldedName(before.options);
  const now = byFoldedName(after.options);
  const harmless = new Set(liveOptions.map((name) => name.toLowerCase()));
  const moving: string[] = [];
  const live: string[] = [];
  for (const [folded, [name]] of new Map([...old, ...now])) {
    const [, was] = old.get(folded) ?? [];
    const [, is] = now.get(folded) ?? [];
    if (JSON.stringify(was) === JSON.stringify(is)) continue;
    (harmless.has(folded) ? live : moving).push(`Backend.${name} ${shown(was)} becomes ${shown(is)}`);
  }
  return { moving, live };
}

/** Options by a name that does not depend on case, since net-conf.json's keys do not. */
function byFoldedName(options: Readonly<Record<string, JsonValue>>): Map<string, [name: string, value: JsonValue]> {
  return new Map(Object.entries(options).map(([name, value]) => [name.toLowerCase(), [name, value]]));
}

/** Numbers and switches are told; text may be a secret (a pre-shared key) and is not. */
function shown(value: JsonValue | undefined): string {
  if (value === undefined) return '(default)';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '(text)';
}
