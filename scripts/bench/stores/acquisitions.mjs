// How many hosts a second get a lease when all of them ask one etcd in the same moment: real subnet managers, each for a
// host of its own, in one process or several, their watches not started. Prints one JSON object.
//
//   node scripts/bench/stores/acquisitions.mjs [--hosts 1000] [--processes 1] [--rounds 3]
import { fork } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withEtcd } from './etcd-process.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const load = (name) => import(path.join(root, 'packages', name, 'dist', 'index.js'));

/** Ranges of /24: with far more subnets than hosts ask for, and with exactly as many. */
const RANGES = {
  wide: () => ({ Network: '10.0.0.0/8' }),
  exact: (hosts) => ({ Network: '10.0.0.0/8', SubnetMin: '10.1.0.0', SubnetMax: subnet(0x0a0100 + hosts - 1) }),
};

function subnet(number) {
  return `${number >> 16}.${(number >> 8) & 255}.${number & 255}.0`;
}

/** Milliseconds of processor time that a process has had, of all its threads (proc(5), fields 14 and 15). */
function cpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** A share of the hosts, in a process of its own: makes the managers, says so, and lets them ask when it is told to. */
async function share({ from, to, endpoint, prefix, netConf }) {
  const { EtcdConnections, EtcdSubnetManager } = await load('subnet-etcd');
  const { parseNetConf } = await load('core');
  const connections = new EtcdConnections();
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const conf = parseNetConf(JSON.stringify(netConf));
  const numbers = Array.from({ length: to - from }, (_, at) => from + at);
  const hosts = numbers.map((n) => ({
    hostId: `host-${n}`,
    attributes: { backendType: 'host-gw', ipv4: { publicIP: `172.16.${n >> 8}.${n & 255}` } },
    manager: new EtcdSubnetManager({ endpoints: [endpoint], prefix, timeoutMs: 60_000, connections }),
  }));
  process.send('made');
  await new Promise((resolve) => process.once('message', resolve));
  const before = process.cpuUsage();
  const taken = [];
  await Promise.all(
    hosts.map(async ({ hostId, attributes, manager }) => {
      const own = await manager.acquire({ hostId, netConf: conf, attributes }, { signal });
      own.state$.subscribe(({ lease }) => taken.push(lease.subnets.ipv4)).unsubscribe();
    }),
  );
  const { user, system } = process.cpuUsage(before);
  process.send({ taken, cpuMs: Math.round((user + system) / 1000) });
  await new Promise((resolve) => process.once('message', resolve));
  await Promise.all(hosts.map(({ manager }) => manager.close()));
  process.disconnect();
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

async function once(etcd, { hosts, processes, range, round }) {
  const order = { endpoint: etcd.url, prefix: `/${range}-${round}`, netConf: RANGES[range](hosts) };
  const children = Array.from({ length: processes }, (_, at) => {
    const bounds = { from: Math.floor((at * hosts) / processes), to: Math.floor(((at + 1) * hosts) / processes) };
    return fork(fileURLToPath(import.meta.url), ['--share', JSON.stringify({ ...order, ...bounds })]);
  });
  const answers = () => Promise.all(children.map((child) => new Promise((resolve) => child.once('message', resolve))));
  const ends = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  await answers();
  const etcdBefore = cpuMs(etcd.pid);
  const began = performance.now();
  const results = answers();
  for (const child of children) child.send('go');
  const shares = await results;
  const seconds = (performance.now() - began) / 1000;
  const etcdMs = cpuMs(etcd.pid) - etcdBefore;
  for (const child of children) child.send('end');
  await Promise.all(ends);
  const different = new Set(shares.flatMap(({ taken }) => taken)).size;
  if (different !== hosts) throw new Error(`${hosts} hosts, but ${different} different subnets`);
  return { perSecond: hosts / seconds, cpuMs: shares.reduce((sum, each) => sum + each.cpuMs, 0), etcdMs };
}

async function main() {
  const { values } = parseArgs({
    options: {
      share: { type: 'string' },
      hosts: { type: 'string', default: '1000' },
      processes: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
    },
  });
  if (values.share !== undefined) return share(JSON.parse(values.share));
  const [hosts, processes, rounds] = [values.hosts, values.processes, values.rounds].map(Number);
  const report = { hosts, processes, rounds };
  await withEtcd(async (etcd) => {
    for (const range of Object.keys(RANGES)) {
      const all = [];
      for (let round = 1; round <= rounds; round++) {
        all.push(await once(etcd, { hosts, processes, range, round }));
        process.stderr.write(`${range}: ${Math.round(all.at(-1).perSecond)} a second\n`);
      }
      const middle = (of) => Math.round(median(all.map(of)));
      report[range] = {
        perSecond: middle(({ perSecond }) => perSecond),
        cpuMs: middle((each) => each.cpuMs),
        etcdCpuMs: middle(({ etcdMs }) => etcdMs),
      };
    }
  });
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

await main();
