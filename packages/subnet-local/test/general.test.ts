import { formatLeaseKey } from '@overlay/core';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { LocalSubnetManager } from '@overlay/subnet-local';
import { subnetManagerSuite } from './general/subnet-manager-suite.js';
import { temporaryDirectory } from './support/temporary-directory.js';

subnetManagerSuite('LocalSubnetManager', async () => {
  const directory = temporaryDirectory();
  return {
    manager: (netConf) => new LocalSubnetManager({ directory: directory.path, netConf }),
    remove: async (subnets) => rmSync(join(directory.path, formatLeaseKey(subnets))),
    dispose: async () => directory.remove(),
  };
});
