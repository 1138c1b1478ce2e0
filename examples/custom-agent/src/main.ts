import { vxlan, vxlanLease } from '@overlay/backend-vxlan';
import { Agent, parseNetConf, StaticSubnetManager } from '@overlay/core';
import { openLinux } from '@overlay/linux';

const leases = [
  vxlanLease({ hostId: 'h1', subnet: '10.244.1.0/24', publicIP: '192.168.77.1' }),
  vxlanLease({ hostId: 'h2', subnet: '10.244.2.0/24', publicIP: '192.168.77.2' }),
];
const netConf = parseNetConf('{ "Network": "10.244.0.0/16", "Backend": { "Type": "vxlan" } }');
const linux = openLinux();
const agent = new Agent({
  hostId: process.argv[2] ?? 'h1',
  backends: [vxlan({ linux })],
  subnetManager: new StaticSubnetManager({ netConf, leases }),
  host$: linux.host$({ iface: ['eth0'] }),
});
await agent.start();
await agent.ready({ signal: AbortSignal.timeout(10_000) });
