// What is measured by the benchmark of Kubernetes: one subnet manager in a process of its own. It tells on stdout, one
// JSON object a line: the first snapshot, then every change. Times are of the system's monotonic clock, in microseconds,
// which the benchmark reads too.
import process from 'node:process';
import { parseNetConf } from '@overlay/core';
import { KubeSubnetManager } from '@overlay/subnet-kube';

const [kubeconfigFile, name] = process.argv.slice(2);
const netConf = parseNetConf('{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan"}}');
const now = () => Number(process.hrtime.bigint() / 1000n);
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const manager = new KubeSubnetManager({ kubeconfigFile, node: { name }, netConf });
manager.leases$.subscribe((event) => {
  const at = now();
  if (event.type === 'snapshot') {
    tell({ snapshot: event.leases.length, at });
    return;
  }
  for (const change of event.changes) {
    const [key, data] = change.type === 'set' ? [change.lease.key, change.lease.attributes.ipv4?.data] : [change.key];
    tell({ key, data, at });
  }
});
process.on('message', (question) => {
  if (question === 'memory') {
    const { maxRSS } = process.resourceUsage();
    tell({ maxRssMb: Math.round(maxRSS / 1024), rssMb: Math.round(process.memoryUsage().rss / 1048576) });
  }
});
process.once('SIGTERM', () => void manager.close().then(() => process.exit(0)));
