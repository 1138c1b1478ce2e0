import { expect, test } from '@jest/globals';
import { acmeBackend, put } from '../support/backend-module.js';
import { TestHost } from '../support/test-host.js';
import { until } from '../support/until.js';

const NET_CONF = { Network: '10.244.0.0/16', Backend: { Type: 'acme' } };

test('a backend from a module of its own carries the packets of an agent that names it', async () => {
  await using host = await TestHost.create({ netConf: NET_CONF });
  const module = put(acmeBackend(), host.folder.at('acme.mjs'));
  const lease = { PublicIP: '192.168.77.3', PublicIPv6: null, BackendType: 'acme', HostID: 'peer' };
  put(JSON.stringify(lease), host.store, '10.244.200.0-24');
  const agent = host.startWith({ FLANNELD_BACKEND_MODULE: module });
  await agent.says('Found network config - Backend type: acme');
  expect(await until(() => host.subnetEnv(), 'subnet.env is there')).toContain('FLANNEL_MTU=1500');
  const route = await until(async () => {
    const text = await host.ip('route show 10.244.200.0/24');
    return text === '' ? undefined : text;
  }, 'the route to the peer is there');
  expect(route).toMatch(/^10\.244\.200\.0\/24 via 192\.168\.77\.3 dev eth0 proto 111 /);
  expect(await host.get('/readyz')).toMatchObject({ status: 200 });
});
