import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { subnetManagerConformance } from '@overlay/conformance/subnet-manager';
import type { PerFamily, Prefix } from '@overlay/core';
import { formatLeaseKey, formatNetConf } from '@overlay/core';
import { EtcdSubnetManager } from '@overlay/subnet-etcd';
import { describeWithEtcd } from './support/etcd-binaries.js';
import { EtcdServer } from './support/etcd-server.js';

describeWithEtcd('general tests', () => {
  let server: EtcdServer;
  let stores = 0;
  beforeAll(async () => {
    server = await EtcdServer.start();
  });
  afterAll(() => server.dispose());

  subnetManagerConformance({
    framework: {
      describe,
      test: (name, body, timeoutMs) => test(name, body, timeoutMs),
      skip: (name) => test.skip(name, () => undefined),
    },
    name: 'EtcdSubnetManager',
    // Of two hosts with one address the second takes over the first one's lease, as flanneld does: see conflicts.test.ts.
    supports: { chooses: true, persistent: true, tellsRivals: false, confirms: true },
    create: async () => {
      const prefix = `/store-${stores++}`;
      const key = (subnets: PerFamily<Prefix>): string => `${prefix}/subnets/${formatLeaseKey(subnets)}`;
      let configured = '';
      return {
        manager: (netConf) => {
          // Here the configuration is in the store itself.
          const text = formatNetConf(netConf);
          if (text !== configured) server.ctlSync('put', '--', `${prefix}/config`, text);
          configured = text;
          return new EtcdSubnetManager({ endpoints: server.urls, prefix });
        },
        remove: async (subnets) => {
          const deleted = await server.ctl('del', key(subnets));
          if (deleted.trim() !== '1') throw new Error(`no ${key(subnets)}`);
        },
        reserve: async (hostId, subnets) => {
          const name = formatLeaseKey(subnets);
          await server.put(key(subnets), '{"PublicIP":"192.0.2.250","PublicIPv6":null,"BackendType":"host-gw"}');
          const record = { Key: name, PublicIP: '192.0.2.250', PublicIPv6: null, Agent: 'a-person', Since: 0 };
          await server.put(`${prefix}/overlay/hosts/${hostId}`, JSON.stringify(record));
        },
        dispose: async () => {
          await server.ctl('del', '--prefix', `${prefix}/`);
        },
      };
    },
  });
});
