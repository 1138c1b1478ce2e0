import type { Family } from '../address/index.js';
import type { JsonValue } from '../json.js';
import { FAMILY_KEYS } from './family.js';
import { foldKey } from './keys.js';
import type { FamilyConf, NetConf } from './net-conf.js';

/** How to write a configuration. */
export interface FormatNetConfOptions {
  /** Spaces for each level; 0, which is the default, for one line. */
  readonly indent?: number;
}

/**
 * A configuration as JSON that flanneld reads too: every setting by flannel's key, defaults written out, options of the
 * backend sorted. Configurations that mean the same give the same text. Secrets among the options are part of it.
 */
export function formatNetConf(netConf: NetConf, options: FormatNetConfOptions = {}): string {
  const { type, options: backend } = netConf.backend;
  const sorted = Object.entries(backend).sort(([a], [b]) => (foldKey(a) < foldKey(b) ? -1 : 1));
  const document: Record<string, JsonValue> = {
    EnableIPv4: netConf.ipv4 !== undefined,
    EnableIPv6: netConf.ipv6 !== undefined,
    EnableNFTables: netConf.enableNFTables,
    ...familyMembers('ipv4', netConf.ipv4),
    ...familyMembers('ipv6', netConf.ipv6),
    Backend: { Type: type, ...Object.fromEntries(sorted) },
  };
  return JSON.stringify(document, undefined, options.indent ?? 0);
}

function familyMembers(family: Family, conf: FamilyConf | undefined): Record<string, JsonValue> {
  if (conf === undefined) return {};
  const keys = FAMILY_KEYS[family];
  return {
    [keys.network]: conf.network,
    [keys.subnetLen]: conf.subnetLen,
    [keys.subnetMin]: conf.subnetMin,
    [keys.subnetMax]: conf.subnetMax,
  };
}
