import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { LocalSubnetManager } from '@overlay/subnet-local';
import { subnetManagerSuite } from './general/subnet-manager-suite.js';
import { temporaryDirectory } from './support/temporary-directory.js';
import { leaseName } from '../dist/format/lease-name.js';

subnetManagerSuite('LocalSubnetManager', async () => {
  const directory = temporaryDirectory();
  return {
    manager: (netConf) => new LocalSubnetManager({ directory: directory.path, netConf }),
    remove: async (subnets) => rmSync(join(directory.path, leaseName(subnets))),
    dispose: async () => directory.remove(),
  };
});
