import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import { KubeServer } from './support/kube-server.js';
import { OneManager } from './support/many-nodes.js';
import { annotate, PREFIX, removeNodes } from './support/nodes.js';
import { describeWithKubernetes } from './support/server-programs.js';

describeWithKubernetes('general tests', () => {
  let server: KubeServer;
  beforeAll(async () => {
    server = await KubeServer.start();
  }, 120_000);
  afterAll(() => server?.dispose());

  subnetManagerConformance({
    framework: {
      describe,
      test: (name, body, timeoutMs) => test(name, body, timeoutMs),
      skip: (name) => test.skip(name, () => undefined),
    },
    name: 'KubeSubnetManager',
    // Subnets are Kubernetes' to choose.
    supports: { persistent: true, tellsRivals: true, confirms: true, chooses: false },
    create: async () => {
      await removeNodes(server);
      const subnets = { next: 1 };
      return {
        manager: (netConf) => new OneManager(server, netConf, subnets),
        remove: async (gone) => {
          const { items } = await server.do('GET', '/api/v1/nodes');
          const node = items.find((one: { spec: { podCIDR: string } }) => one.spec.podCIDR === gone.ipv4);
          await annotate(server, node.metadata.name, { [`${PREFIX}kube-subnet-manager`]: null });
        },
        dispose: () => removeNodes(server),
      };
    },
  });
});
