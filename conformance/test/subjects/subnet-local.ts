import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreUnderTest, SubnetManagerSubject, SubnetManagerSupports } from '@overlay/conformance/subnet-manager';
import type { PerFamily, Prefix, SubnetManager } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import { RememberingSubnetManager } from '@overlay/core/memory';
import { LocalSubnetManager } from '@overlay/subnet-local';
import { ours } from './makers.js';

/** `10.5.34.0-24`, `10.5.34.0-24&fd00:5:0:22::-64`. */
function fileName(subnets: PerFamily<Prefix>): string {
  return FAMILIES.flatMap((family) => subnets[family]?.replace('/', '-') ?? []).join('&');
}

/** What was remembered is never there in these tests: a store that answers is not to be changed by being remembered. */
function remembered(store: SubnetManager): SubnetManager {
  let text = '';
  const file = {
    name: 'memory',
    size: async () => text.length,
    read: async () => text,
    replace: async (parts: Iterable<string>) => void (text = [...parts].join('')),
    append: async (more: string) => void (text += more),
  };
  return new RememberingSubnetManager({ store, storeName: 'a directory', hostId: 'host-1', file });
}

/** A store in a directory. `around` makes another subnet manager of each one on it. */
export function localStore(around: (manager: SubnetManager, store: StoreUnderTest) => SubnetManager): StoreUnderTest {
  const directory = mkdtempSync(join(tmpdir(), 'overlay-conformance-'));
  const store: StoreUnderTest = {
    manager: (netConf) => around(new LocalSubnetManager({ directory, netConf }), store),
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
  return store;
}

/** What a directory can do. */
export const LOCAL_SUPPORTS: SubnetManagerSupports = {
  chooses: true,
  persistent: true,
  reserves: true,
  tellsRivals: true,
  confirms: true,
};

function subject(mode: string, around: (manager: SubnetManager) => SubnetManager): SubnetManagerSubject {
  return {
    implementation: ours('subnet-local'),
    mode,
    environment: 'directory',
    supports: LOCAL_SUPPORTS,
    create: async () => localStore(around),
  };
}

export const conformance: readonly SubnetManagerSubject[] = [
  subject('default', (manager) => manager),
  subject('remembered', remembered),
];
