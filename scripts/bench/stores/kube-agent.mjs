// The whole way: from starting overlayd until the kernel has the route to the last of a cluster's Nodes, and from patching
// a Node until the kernel has what it says. Runs in a network namespace of its own, which kube.mjs makes, with a real API
// server in it. What the kernel gets is read from `ip monitor`.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { KernelChanges, peakMb } from './agent-in-namespace.mjs';

/** The agent's way to the API server, which tells when something last came from there. */
class TimedWay {
  #pairs = new Set();
  lastAt = 0;

  static async to(port) {
    const way = new TimedWay();
    way.listener = createServer((from) => {
      const to = connect(port, '127.0.0.1');
      const pair = [from, to];
      const end = () => pair.forEach((socket) => socket.destroy());
      for (const socket of pair) {
        way.#pairs.add(socket);
        socket.setNoDelay(true);
        socket.on('error', end).on('close', end);
      }
      from.on('data', (piece) => to.write(piece));
      to.on('data', (piece) => {
        way.lastAt = performance.now();
        from.write(piece);
      });
    });
    await new Promise((resolve) => way.listener.listen(0, '127.0.0.1', resolve));
    return way;
  }

  get url() {
    return `https://127.0.0.1:${this.listener.address().port}`;
  }

  close() {
    for (const socket of this.#pairs) socket.destroy();
    this.listener.close();
  }
}

function startAgent(root, server, folder, url) {
  mkdirSync(folder, { recursive: true });
  const netConf = path.join(folder, 'net-conf.json');
  writeFileSync(netConf, '{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan"}}');
  const program = path.join(root, 'packages', 'agent', 'bin', 'overlayd.cjs');
  const places = [`--subnet-file=${folder}/subnet.env`, `--run-dir=${folder}/run`, `--state-dir=${folder}/state`];
  const kubernetes = [
    '--kube-subnet-mgr',
    `--kubeconfig-file=${server.kubeconfig('agent', undefined, url)}`,
    `--net-config-path=${netConf}`,
  ];
  return spawn(process.execPath, [program, ...kubernetes, '--iface=underlay', ...places], {
    env: { ...process.env, NODE_NAME: 'node-0' },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
}

/** How long one patch takes until the kernel has it, and how much of that after its bytes came to the agent's host. */
async function patch(server, way, changes, n, nodes) {
  const bytes = [0x0a, 0xff, 0, (n >> 8) & 255, n & 255, 1];
  const mac = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  const annotations = { 'flannel.alpha.coreos.com/backend-data': JSON.stringify({ VNI: 1, VtepMAC: mac }) };
  const told = changes.mac(mac);
  const sentAt = performance.now();
  const name = `node-${1 + ((n * 7919) % (nodes - 1))}`;
  const type = 'application/strategic-merge-patch+json';
  await server.do('PATCH', `/api/v1/nodes/${name}/status`, { metadata: { annotations } }, type);
  const at = await told;
  return { ms: at - sentAt, agentMs: at - way.lastAt };
}

/** One agent from its start to its end; with `patches`, also how soon each reaches the kernel, in milliseconds. */
export async function measureAgent({ root, server, nodes, patches, round }) {
  const changes = new KernelChanges();
  const way = await TimedWay.to(server.port);
  let agent;
  try {
    await changes.ready();
    const reached = changes.reach(nodes - 1);
    const startedAt = performance.now();
    agent = startAgent(root, server, server.folder(`agent-${round}`), way.url);
    await reached;
    const ms = Math.round(changes.lastAt - startedAt);
    const took = [];
    for (let n = 0; n < patches; n++) took.push(await patch(server, way, changes, n, nodes));
    return { ms, maxRssMb: peakMb(agent.pid), took };
  } finally {
    await changes.end(agent);
    way.close();
  }
}
