// How soon a host knows all Nodes of a cluster, what that takes of memory, and how soon it learns of a change: one subnet
// manager against a real API server, in a process of its own, bundled as the agent is.
//
//   npm run --silent bench -- kube [--agent] [--nodes 5000] [--rounds 3] [--patches 300] [--etcd PROGRAM] [--json]
//
// With --agent it is overlayd that is measured, until the kernel has the routes to all Nodes; that needs root.
// With --etcd of a version before 3.4.31 the API server does not stream lists, and they are read whole.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { buildKubernetes } from '../../kubernetes/build.mjs';
import { inNamespace, isInNamespace, makeUnderlay } from './agent-in-namespace.mjs';
import { measureAgent } from './kube-agent.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const support = (name) => import(path.join(root, 'packages', 'subnet-kube', 'test-dist', 'support', `${name}.js`));
const now = () => Number(process.hrtime.bigint() / 1000n);

async function bundle() {
  const outfile = path.join(root, '.cache', 'bench', 'kube-measured.cjs');
  const measured = path.join(root, 'scripts', 'bench', 'stores', 'kube-measured.mjs');
  const launcher = path.join(root, 'packages', 'agent', 'bin', 'start.cjs');
  await build({
    stdin: {
      contents:
        `import { settleEngine } from ${JSON.stringify(launcher)};\n` +
        `settleEngine();\n` +
        `import ${JSON.stringify(measured)};\n`,
      resolveDir: path.join(root, 'packages', 'subnet-kube'),
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    supported: { 'dynamic-import': false },
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'warning',
    alias: { rxjs: path.join(root, 'node_modules', 'rxjs', 'dist/esm/index.js') },
  });
  return outfile;
}

/** One process, from its start on. */
class Measured {
  #waiting = [];
  #told = [];

  constructor(program, kubeconfig) {
    this.startedAt = now();
    const stdio = ['ignore', 'pipe', 'inherit', 'ipc'];
    this.child = spawn(process.execPath, [program, kubeconfig, 'node-0'], { stdio });
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#take(JSON.parse(line)));
  }

  /** The next thing told that is as wanted; what came before it is dropped. */
  next(wanted) {
    return new Promise((resolve) => {
      this.#waiting.push({ wanted, resolve });
      for (const told of this.#told.splice(0)) this.#take(told);
    });
  }

  memory() {
    const answer = this.next((told) => told.maxRssMb !== undefined);
    this.child.send('memory');
    return answer;
  }

  async end() {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await ended;
  }

  #take(told) {
    const at = this.#waiting.findIndex(({ wanted }) => wanted(told));
    if (at >= 0) this.#waiting.splice(at, 1)[0].resolve(told);
    else if (told.snapshot !== undefined) this.#told.push(told);
  }
}

function quantile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

async function latency(server, measured, nodes, patches) {
  const tookUs = [];
  for (let n = 0; n < patches; n++) {
    const name = `node-${(n * 7919) % nodes}`;
    const mac = `0a:ff:${[(n >> 16) & 255, (n >> 8) & 255, n & 255, 1].map((b) => b.toString(16).padStart(2, '0')).join(':')}`;
    const annotations = { 'flannel.alpha.coreos.com/backend-data': JSON.stringify({ VNI: 1, VtepMAC: mac }) };
    const told = measured.next(({ key, data }) => key === name && data?.VtepMAC === mac);
    const sentAt = now();
    const type = 'application/strategic-merge-patch+json';
    await server.do('PATCH', `/api/v1/nodes/${name}/status`, { metadata: { annotations } }, type);
    tookUs.push((await told).at - sentAt);
  }
  return tookUs.map((us) => ({ ms: us / 1000 }));
}

/** Rounds of the subnet manager alone; its last one stays for the patches. */
async function measureManager({ server, nodes, rounds, patches }) {
  const program = await bundle();
  const kubeconfig = server.kubeconfig('measured');
  const results = [];
  for (let round = 0; round < rounds; round++) {
    const measured = new Measured(program, kubeconfig);
    const { at, snapshot } = await measured.next((told) => told.snapshot !== undefined);
    if (snapshot !== nodes) throw new Error(`${snapshot} leases of ${nodes} Nodes`);
    const took = round === rounds - 1 ? await latency(server, measured, nodes, patches) : [];
    const { maxRssMb } = await measured.memory();
    await measured.end();
    results.push({ ms: Math.round((at - measured.startedAt) / 1000), maxRssMb, took });
  }
  return results;
}

async function measureAgents({ server, nodes, rounds, patches }) {
  const results = [];
  for (let round = 0; round < rounds; round++) {
    const last = round === rounds - 1;
    results.push(await measureAgent({ root, server, nodes, round, patches: last ? patches : 0 }));
  }
  return results;
}

async function run({ nodes, rounds, patches, etcd, agent }) {
  await buildKubernetes(['kube-apiserver', 'etcd']);
  const [{ KubeServer }, { createMany }, { realisticNode }] = await Promise.all(
    ['kube-server', 'nodes', 'realistic-node'].map(support),
  );
  // The servers need the loopback of the namespace.
  if (agent) makeUnderlay();
  const server = await KubeServer.start(etcd === undefined ? {} : { etcd });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.once(signal, () => void server.dispose().finally(() => process.exit(1)));
  }
  try {
    const names = Array.from({ length: nodes }, (_, n) => `node-${n}`);
    await createMany(server, names, realisticNode);
    const results = await (agent ? measureAgents : measureManager)({ server, nodes, rounds, patches });
    const took = results.flatMap((result) => result.took);
    const spread = (times) => {
      const sorted = times.sort((a, b) => a - b);
      return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: sorted.at(-1) };
    };
    const median = (key) =>
      quantile(
        results.map((result) => result[key]).sort((a, b) => a - b),
        0.5,
      );
    return {
      measured: agent ? 'overlayd, until the last route' : 'the subnet manager, until its snapshot',
      nodes,
      ms: median('ms'),
      maxRssMb: median('maxRssMb'),
      rounds: results.map(({ ms, maxRssMb }) => ({ ms, maxRssMb })),
      patches,
      patchMs: spread(took.map(({ ms }) => ms)),
      // What is the agent's of it: from its bytes being on this host until the kernel has it.
      ...(agent && { agentMs: spread(took.map(({ agentMs }) => agentMs)) }),
    };
  } finally {
    await server.dispose();
  }
}

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '3' },
    patches: { type: 'string', default: '300' },
    etcd: { type: 'string' },
    agent: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
for (const key of ['nodes', 'rounds', 'patches']) {
  if (/^[1-9][0-9]{0,5}$/.test(values[key])) continue;
  process.stderr.write(`bench: --${key}: expected a whole number of at least 1, got ${values[key]}\n`);
  process.exit(2);
}
if (values.agent && !isInNamespace()) process.exit(inNamespace());
try {
  const numbers = Object.fromEntries(['nodes', 'rounds', 'patches'].map((key) => [key, Number(values[key])]));
  const result = await run({ ...numbers, etcd: values.etcd, agent: values.agent });
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    const told = ({ p50, p99, max }) =>
      `${p50.toFixed(1)} ms (p50), ${p99.toFixed(1)} ms (p99), ${max.toFixed(1)} ms (slowest)`;
    const { agentMs } = result;
    process.stdout.write(
      `${result.nodes} Nodes, ${result.measured}: ${result.ms} ms after exec, at most ${result.maxRssMb} MB; ` +
        `a patch after ${told(result.patchMs)}` +
        `${agentMs === undefined ? '' : `, of which the agent took ${told(agentMs)}`}\n`,
    );
  }
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
}
