// How soon a host knows all leases in etcd and its kernel has the routes to them, and what that takes of memory: overlayd
// against a real etcd with leases and host records of as many hosts, in a network namespace of its own.
//
//   npm run --silent bench -- etcd [--hosts 10000] [--backend vxlan|host-gw] [--rounds 3] [--changes 200] [--away] [--json]
//
// With --away also how soon the kernel has them all when the host comes back from a reboot while etcd is down. Needs root.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inNamespace, isInNamespace, KernelChanges, makeUnderlay, peakMb } from './agent-in-namespace.mjs';
import { withEtcd } from './etcd-process.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const load = (...names) => import(path.join(root, 'packages', ...names));
const PREFIX = '/coreos.com/network';
/** etcd takes 128 operations in one transaction. */
const AT_ONCE = 64;

const hex = (byte) => byte.toString(16).padStart(2, '0');

/** What host `n` publishes, from 2 on, for 1 is the one that is measured; once `moved`, at another address. */
function leaseOf(n, backend, { turn = 0, moved = false } = {}) {
  const [high, low] = [n >> 8, n & 255];
  const data = { VNI: 1, VtepMAC: `0a:${hex(turn >> 8)}:${hex(turn & 255)}:00:${hex(high)}:${hex(low)}` };
  const publicIP = `172.${moved && backend === 'host-gw' ? 17 : 16}.${high}.${low}`;
  const value = {
    ...{ PublicIP: publicIP, PublicIPv6: null, BackendType: backend },
    ...(backend === 'vxlan' && { BackendData: data }),
  };
  return { name: `10.${high}.${low}.0-24`, text: JSON.stringify(value), publicIP, mac: data.VtepMAC };
}

/** A client of etcd, and what it writes with. */
async function openClient(url) {
  const { EtcdClient } = await load('subnet-etcd', 'dist', 'client', 'etcd-client.js');
  const { parseEndpoint } = await load('subnet-etcd', 'dist', 'client', 'endpoint.js');
  const { systemClock, silentLogger } = await load('core', 'dist', 'index.js');
  return new EtcdClient({
    ...{ endpoints: [parseEndpoint(url, false)], tls: {}, clock: systemClock, logger: silentLogger },
    ...{ timeoutMs: 10_000, certificateMs: 60_000 },
  });
}

const attempt = { what: 'filling etcd', signal: new AbortController().signal };

async function fill(client, hosts, backend) {
  const { id: lease } = await client.grant(86_400, attempt);
  const put = (key, value, of = lease) => ({ put: { key: `${PREFIX}/${key}`, value, lease: of } });
  const conf = { Network: '10.0.0.0/8', Backend: { Type: backend } };
  await client.txn({ compare: [], success: [put('config', JSON.stringify(conf), 0n)] }, attempt);
  for (let from = 2; from <= hosts + 1; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, hosts + 2 - from) }, (_, at) => from + at);
    const success = numbers.flatMap((n) => {
      const { name, text, publicIP } = leaseOf(n, backend);
      const record = { Key: name, PublicIP: publicIP, PublicIPv6: null, Agent: `agent-${n}`, Since: 1 };
      return [put(`subnets/${name}`, text), put(`overlay/hosts/host-${n}`, JSON.stringify(record))];
    });
    await client.txn({ compare: [], success }, attempt);
  }
  return lease;
}

function startAgent(url, folder) {
  mkdirSync(folder, { recursive: true });
  const program = path.join(root, 'packages', 'agent', 'bin', 'overlayd.cjs');
  const places = [`--subnet-file=${folder}/subnet.env`, `--run-dir=${folder}/run`, `--state-dir=${folder}/state`];
  const store = [`--etcd-endpoints=${url}`, '--host-id=measured'];
  return spawn(process.execPath, [program, ...store, '--iface=underlay', ...places], { stdio: 'ignore' });
}

/** One lease after the other changes; how long each takes from the put until the kernel has it, in milliseconds. */
async function change(client, changes, lease, { hosts, backend, count, from }) {
  const took = [];
  for (let turn = from; turn < from + count; turn++) {
    const { name, text, mac, publicIP } = leaseOf(2 + ((turn * 7919) % hosts), backend, {
      turn,
      moved: Math.floor(turn / hosts) % 2 === 0,
    });
    const told = backend === 'vxlan' ? changes.mac(mac) : changes.gateway(publicIP);
    const sentAt = performance.now();
    const success = [{ put: { key: `${PREFIX}/subnets/${name}`, value: text, lease } }];
    await client.txn({ compare: [], success }, attempt);
    took.push((await told) - sentAt);
  }
  return took;
}

/** Until an agent has written down what it knows. */
async function remembered(folder) {
  for (let left = 600; left > 0; left--) {
    if (readdirSync(`${folder}/state`, { recursive: true }).some((file) => path.basename(file) === 'leases')) return;
    await delay(100);
  }
  throw new Error('the agent has not written down what it knows');
}

async function measureOnce({ client, lease, url, folder, hosts, backend, count, away }) {
  const changes = new KernelChanges();
  let agent;
  try {
    await changes.ready();
    const reached = changes.reach(hosts);
    const startedAt = performance.now();
    agent = startAgent(url, folder);
    await reached;
    const ms = Math.round(changes.lastAt - startedAt);
    const { stdout } = spawnSync('ip', ['route', 'show', 'proto', '111'], { encoding: 'utf8', maxBuffer: 1 << 28 });
    const routes = stdout.trim().split('\n').length;
    if (routes !== hosts) throw new Error(`the kernel has ${routes} routes to ${hosts} hosts`);
    const maxRssMb = peakMb(agent.pid);
    const took = await change(client, changes, lease, { hosts, backend, count, from: 1 });
    if (away) await remembered(folder);
    return { ms, maxRssMb, took };
  } finally {
    await changes.end(agent);
  }
}

function quantile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

async function run({ hosts, rounds, changes: count, backend, away }) {
  makeUnderlay();
  return await withEtcd(async ({ url, pid, directory }) => {
    const client = await openClient(url);
    try {
      const lease = await fill(client, hosts, backend);
      const results = [];
      const measure = (more) => measureOnce({ client, lease, url, hosts, backend, count: 0, away: false, ...more });
      for (let round = 0; round < rounds; round++) {
        const folder = path.join(directory, `agent-${round}`);
        results.push(await measure({ folder, ...(round === rounds - 1 && { count, away }) }));
        process.stderr.write(`${results.at(-1).ms} ms, ${results.at(-1).maxRssMb} MB\n`);
      }
      const awayMs = [];
      if (away) process.kill(pid, 'SIGKILL');
      for (let round = 0; away && round < rounds; round++) {
        awayMs.push((await measure({ folder: path.join(directory, `agent-${rounds - 1}`) })).ms);
        process.stderr.write(`${awayMs.at(-1)} ms with etcd away\n`);
      }
      const sorted = (key) => results.map((result) => result[key]).sort((a, b) => a - b);
      const took = results.flatMap((result) => result.took).sort((a, b) => a - b);
      return {
        ...{ hosts, backend, load: Math.round(os.loadavg()[0]) },
        ...{ ms: quantile(sorted('ms'), 0.5), maxRssMb: quantile(sorted('maxRssMb'), 0.5) },
        rounds: results.map(({ ms, maxRssMb }) => ({ ms, maxRssMb })),
        ...(away && {
          awayMs: quantile(
            awayMs.sort((a, b) => a - b),
            0.5,
          ),
        }),
        ...{ changes: count, changeMs: { p50: quantile(took, 0.5), p99: quantile(took, 0.99), max: took.at(-1) } },
      };
    } finally {
      client.close();
    }
  });
}

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '10000' },
    backend: { type: 'string', default: 'vxlan' },
    rounds: { type: 'string', default: '3' },
    changes: { type: 'string', default: '200' },
    away: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
function refuse(text) {
  process.stderr.write(`bench: ${text}\n`);
  process.exit(2);
}
if (!['vxlan', 'host-gw'].includes(values.backend)) {
  refuse(`--backend: expected vxlan or host-gw, got ${values.backend}`);
}
const MOST = { hosts: 60_000, rounds: 100, changes: 60_000 };
const numbers = {};
for (const [key, most] of Object.entries(MOST)) {
  numbers[key] = Number(values[key]);
  if (/^[1-9][0-9]*$/.test(values[key]) && numbers[key] <= most) continue;
  refuse(`--${key}: expected a whole number from 1 to ${most}, got ${values[key]}`);
}
if (!isInNamespace()) process.exit(inNamespace());
try {
  const result = await run({ ...numbers, backend: values.backend, away: values.away });
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    const { p50, p99, max } = result.changeMs;
    process.stdout.write(
      `${result.hosts} leases, ${result.backend}: the last route ${result.ms} ms after exec, at most ${result.maxRssMb} MB; ` +
        `a change after ${p50.toFixed(1)} ms (p50), ${p99.toFixed(1)} ms (p99), ${max.toFixed(1)} ms (slowest)${result.awayMs === undefined ? '' : `; ${result.awayMs} ms with etcd away`}\n`,
    );
  }
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
}
