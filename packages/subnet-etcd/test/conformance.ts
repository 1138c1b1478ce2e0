// The subnet manager as the conformance suite is told of it: `overlay-conformance --module` takes this module.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { SubnetManagerSubject } from '@overlay/conformance/subnet-manager';
import type { PerFamily, Prefix } from '@overlay/core';
import { formatLeaseKey, formatNetConf } from '@overlay/core';
import { EtcdSubnetManager } from '@overlay/subnet-etcd';
import { EtcdServer } from './support/etcd-server.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** `etcd 3.4.23`; `etcd` where there is none. */
function serverVersion(): string {
  const { stdout } = spawnSync('etcd', ['--version'], { encoding: 'utf8', timeout: 10_000 });
  const found = /^etcd Version: (\S+)/m.exec(stdout ?? '')?.[1];
  return found === undefined ? 'etcd' : `etcd ${found}`;
}

/** One for all stores: each has a prefix of its own in it. */
let server: Promise<EtcdServer> | undefined;
let stores = 0;

export const conformance: readonly SubnetManagerSubject[] = [
  {
    implementation: {
      ...{ organization: 'overlay', project: 'subnet-etcd', url: 'https://overlay.example', version },
      contact: [],
    },
    environment: serverVersion(),
    // Of two hosts with one address the second takes over the first one's lease, as flanneld does: see own-lease.test.ts.
    supports: { chooses: true, persistent: true, reserves: true, tellsRivals: false, confirms: true },
    create: async () => {
      const etcd = await (server ??= EtcdServer.start());
      const prefix = `/store-${stores++}`;
      const key = (subnets: PerFamily<Prefix>): string => `${prefix}/subnets/${formatLeaseKey(subnets)}`;
      let configured = '';
      return {
        manager: (netConf) => {
          // Here the configuration is in the store itself.
          const text = formatNetConf(netConf);
          if (text !== configured) etcd.ctlSync('put', '--', `${prefix}/config`, text);
          configured = text;
          return new EtcdSubnetManager({ endpoints: etcd.urls, prefix });
        },
        remove: async (subnets) => {
          const deleted = await etcd.ctl('del', key(subnets));
          if (deleted.trim() !== '1') throw new Error(`no ${key(subnets)}`);
        },
        reserve: async (hostId, subnets) => {
          const name = formatLeaseKey(subnets);
          await etcd.put(key(subnets), '{"PublicIP":"192.0.2.250","PublicIPv6":null,"BackendType":"host-gw"}');
          const record = { Key: name, PublicIP: '192.0.2.250', PublicIPv6: null, Agent: 'a-person', Since: 0 };
          await etcd.put(`${prefix}/overlay/hosts/${hostId}`, JSON.stringify(record));
        },
        dispose: async () => {
          await etcd.ctl('del', '--prefix', `${prefix}/`);
        },
      };
    },
    end: async () => {
      const started = server;
      server = undefined;
      await (await started)?.dispose();
    },
  },
];
