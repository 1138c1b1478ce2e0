import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SubnetManagerSubject } from '@overlay/conformance/subnet-manager';
import type { PerFamily, Prefix } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import { LocalSubnetManager } from '@overlay/subnet-local';
import { ours } from './makers.js';

/** `10.5.34.0-24`, `10.5.34.0-24&fd00:5:0:22::-64`. */
function fileName(subnets: PerFamily<Prefix>): string {
  return FAMILIES.flatMap((family) => subnets[family]?.replace('/', '-') ?? []).join('&');
}

export const conformance: readonly SubnetManagerSubject[] = [
  {
    implementation: ours('subnet-local'),
    environment: 'directory',
    supports: { chooses: true, persistent: true, tellsRivals: true, confirms: true },
    create: async () => {
      const directory = mkdtempSync(join(tmpdir(), 'overlay-conformance-'));
      return {
        manager: (netConf) => new LocalSubnetManager({ directory, netConf }),
        remove: async (subnets) => {
          const before = readdirSync(directory);
          if (!before.includes(fileName(subnets))) throw new Error(`no ${fileName(subnets)} in ${before.join(', ')}`);
          rmSync(join(directory, fileName(subnets)));
        },
        reserve: async (hostId, subnets) => {
          const content = { PublicIP: '192.0.2.250', PublicIPv6: null, BackendType: 'host-gw', HostID: hostId };
          writeFileSync(join(directory, fileName(subnets)), JSON.stringify(content));
        },
        dispose: async () => rmSync(directory, { recursive: true, force: true }),
      };
    },
  },
];
