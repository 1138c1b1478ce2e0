// The subnet manager as the conformance suite is told of it: `overlay-conformance --module` takes this module.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { SubnetManagerSubject } from '@overlay/conformance/subnet-manager';
import { KubeServer } from './support/kube-server.js';
import { OneManager } from './support/many-nodes.js';
import { annotate, PREFIX, removeNodes } from './support/nodes.js';
import { SERVERS } from './support/server-folder.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** One for all stores: each begins without a Node. */
let server: Promise<KubeServer> | undefined;

export const conformance: readonly SubnetManagerSubject[] = [
  {
    implementation: {
      ...{ organization: 'overlay', project: 'subnet-kube', url: 'https://overlay.example', version },
      contact: [],
    },
    // The folder's name begins with the version: `v1.36.3-x64-…`.
    environment: `kube-apiserver ${basename(SERVERS).split('-', 1)[0]}`,
    // Subnets are Kubernetes' to choose.
    supports: { persistent: true, reserves: false, tellsRivals: true, confirms: true, chooses: false },
    create: async () => {
      const api = await (server ??= KubeServer.start());
      await removeNodes(api);
      const subnets = { next: 1 };
      return {
        manager: (netConf) => new OneManager(api, netConf, subnets),
        remove: async (gone) => {
          const { items } = await api.do('GET', '/api/v1/nodes');
          const node = items.find((one: { spec: { podCIDR: string } }) => one.spec.podCIDR === gone.ipv4);
          await annotate(api, node.metadata.name, { [`${PREFIX}kube-subnet-manager`]: null });
        },
        dispose: () => removeNodes(api),
      };
    },
    end: async () => {
      const started = server;
      server = undefined;
      await (await started)?.dispose();
    },
  },
];
