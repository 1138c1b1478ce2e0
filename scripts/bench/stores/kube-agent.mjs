// The whole way: from starting overlayd until the kernel has the route to the last of a cluster's Nodes, and from patching
// a Node until the kernel has what it says. Runs in a network namespace of its own, which kube.mjs makes, with a real API
// server in it. What the kernel gets is read from `ip monitor`.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import path from 'node:path';
import process from 'node:process';

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });

/** How long the kernel may take to get everything, in milliseconds. */
const LIMIT_MS = 60_000;

/** An interface with the address of node-0 and a way to all others. */
export function makeUnderlay() {
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'underlay', 'type', 'veth', 'peer', 'name', 'nobody');
  ip('link', 'set', 'nobody', 'up');
  ip('link', 'set', 'underlay', 'up');
  ip('address', 'add', '172.16.0.1/16', 'dev', 'underlay');
}

/** Counts the routes that the kernel gets, and waits for MACs of neighbours. */
class KernelChanges {
  #macs = new Map();
  #wanted = Infinity;
  #reached = () => undefined;
  routes = 0;
  lastAt = 0;

  constructor() {
    const args = ['-rcvbuf', String(64 << 20), '-oneline', 'monitor', 'route', 'neigh'];
    this.child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#take(line, performance.now()));
  }

  reach(count) {
    this.#wanted = count;
    return within(new Promise((resolve) => (this.#reached = resolve)), () => `${this.routes} of ${count} routes`);
  }

  /** When the kernel has got a neighbour with this MAC. */
  mac(mac) {
    return within(new Promise((resolve) => this.#macs.set(mac, resolve)), () => `no neighbour ${mac}`);
  }

  #take(line, at) {
    if (line.startsWith('Deleted')) return;
    if (line.includes('flannel.1') && line.includes('onlink')) {
      this.routes++;
      this.lastAt = at;
      if (this.routes === this.#wanted) this.#reached();
    }
    const [, mac] = / lladdr (\S+)/.exec(line) ?? [];
    this.#macs.get(mac)?.(at);
    this.#macs.delete(mac);
  }
}

function within(promise, what) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${LIMIT_MS} ms the kernel has ${what()}`)), LIMIT_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

function startAgent(root, server, folder) {
  mkdirSync(folder, { recursive: true });
  const netConf = path.join(folder, 'net-conf.json');
  writeFileSync(netConf, '{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan"}}');
  const program = path.join(root, 'packages', 'agent', 'bin', 'overlayd.cjs');
  const places = [`--subnet-file=${folder}/subnet.env`, `--run-dir=${folder}/run`, `--state-dir=${folder}/state`];
  const kubernetes = [
    '--kube-subnet-mgr',
    `--kubeconfig-file=${server.kubeconfig('agent')}`,
    `--net-config-path=${netConf}`,
  ];
  return spawn(process.execPath, [program, ...kubernetes, '--iface=underlay', ...places], {
    env: { ...process.env, NODE_NAME: 'node-0' },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
}

/** Megabytes that a process has had resident at most. */
function peakMb(pid) {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}

async function patch(server, changes, n, nodes) {
  const bytes = [0x0a, 0xff, 0, (n >> 8) & 255, n & 255, 1];
  const mac = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  const annotations = { 'flannel.alpha.coreos.com/backend-data': JSON.stringify({ VNI: 1, VtepMAC: mac }) };
  const told = changes.mac(mac);
  const sentAt = performance.now();
  const name = `node-${1 + ((n * 7919) % (nodes - 1))}`;
  const type = 'application/strategic-merge-patch+json';
  await server.do('PATCH', `/api/v1/nodes/${name}/status`, { metadata: { annotations } }, type);
  return (await told) - sentAt;
}

/** One agent from its start to its end; with `patches`, also how soon each reaches the kernel, in milliseconds. */
export async function measureAgent({ root, server, nodes, patches, round }) {
  const changes = new KernelChanges();
  let agent;
  try {
    const reached = changes.reach(nodes - 1);
    const startedAt = performance.now();
    agent = startAgent(root, server, server.folder(`agent-${round}`));
    await reached;
    const ms = Math.round(changes.lastAt - startedAt);
    const took = [];
    for (let n = 0; n < patches; n++) took.push(await patch(server, changes, n, nodes));
    return { ms, maxRssMb: peakMb(agent.pid), took };
  } finally {
    for (const child of [agent, changes.child]) {
      if (child === undefined || child.exitCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    execFileSync('ip', ['link', 'delete', 'flannel.1'], { stdio: 'ignore' });
  }
}
