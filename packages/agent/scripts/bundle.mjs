// Bundles each program into one file, which starts sooner than a hundred modules do, and keeps the code that V8 makes of
// it. Needs what tsc makes.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const bundle = path.join(folder, 'bundle');
const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));

/** How long the agent may take to come up for its code, in milliseconds. */
const WARM_MS = 10_000;
/** How many other hosts it has by then. */
const PEERS = 20;
/** Where no store is, in a namespace with nobody else in it. */
const NOBODY = '127.0.0.1:9';

/** The folder of an installed package, found as Node finds it. */
function packageFolder(name) {
  for (let at = folder; ; at = path.dirname(at)) {
    const candidate = path.join(at, 'node_modules', name);
    if (existsSync(path.join(candidate, 'package.json'))) return candidate;
    if (at === path.dirname(at)) throw new Error(`${name} is not installed; run \`npm ci\` first`);
  }
}

/**
 * Stores whose clients are large: each in a file of its own, which only an agent that uses it reads. What it shares with
 * the program is in both files.
 */
const APART = { 'etcd-store': 'store-etcd', 'kube-store': 'store-kube' };

/** What loads other people's modules, which may be ES modules: in a file of its own, where import() is Node's. */
const LOADER = { 'backend-modules': 'backend-modules' };

/** Leaves those files out of the program, which then loads them from beside it. */
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    const files = { ...APART, ...LOADER };
    onResolve({ filter: new RegExp(`/(${Object.keys(files).join('|')})\\.js$`) }, ({ path: file, kind }) => {
      const out = files[path.basename(file, '.js')];
      return kind === 'dynamic-import' ? { path: `./${out}.cjs`, external: true } : undefined;
    });
  },
};

async function bundlePrograms() {
  const programs = ['overlayd', 'overlay'].map((name) => ({
    in: path.join(folder, `dist/${name}-main.js`),
    out: name,
  }));
  const stores = Object.entries(APART).map(([name, out]) => ({ in: path.join(folder, `dist/stores/${name}.js`), out }));
  const loader = [{ in: path.join(folder, 'dist/plug-ins/backend-modules.js'), out: LOADER['backend-modules'] }];
  const options = {
    plugins: [apart],
    outdir: bundle,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    logLevel: 'warning',
    // Node's condition leads to rxjs in CommonJS, all of it; the modules can be cut down to what is used.
    alias: { rxjs: path.join(packageFolder('rxjs'), 'dist/esm/index.js') },
    define: { OVERLAY_VERSION: JSON.stringify(version), 'import.meta.url': '__bundleUrl' },
    banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  };
  // import() would load Node's loader of ES modules.
  const required = { supported: { 'dynamic-import': false } };
  await build({ ...options, ...required, entryPoints: [...programs, ...stores] });
  await build({ ...options, entryPoints: loader });
  for (const name of ['@overlay/linux', '@overlay/backend-udp']) {
    cpSync(path.join(packageFolder(name), 'prebuilds'), path.join(bundle, 'prebuilds'), { recursive: true });
  }
}

const keeper = path.join(folder, 'scripts', 'keep-code.cjs');

/** Resolves when the process has ended, whatever came of it. */
function ended(child) {
  return new Promise((resolve) => child.once('error', resolve).once('exit', resolve));
}

/**
 * Lets an agent come up in a network namespace of its own until a condition holds, and has the code kept that this took.
 * Says whether it did.
 *
 * @param {string} scratch a folder for its files
 * @param {readonly string[]} flags
 * @param {(pid: number, log: string) => boolean} isUp
 */
async function comeUp(scratch, flags, isUp) {
  mkdirSync(scratch, { recursive: true });
  const at = (name) => path.join(scratch, name);
  writeFileSync(at('net-conf.json'), '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}');
  const agent = [process.execPath, keeper, 'overlayd', ...flags, `--net-config-path=${at('net-conf.json')}`];
  agent.push(`--subnet-file=${at('subnet.env')}`, '--host-id=build', '--iface=eth0');
  agent.push(`--state-dir=${at('state')}`, `--run-dir=${at('run')}`, '--healthz-ip=127.0.0.1', '--healthz-port=9980');
  const host =
    'ip link set lo up && ip link add eth0 type veth peer name wire && ip addr add 192.0.2.1/24 dev eth0 && ';
  const shell = `${host}ip link set wire up && ip link set eth0 up && exec "$@"`;
  const unshare = process.getuid() === 0 ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const child = spawn('unshare', [...unshare, 'sh', '-c', shell, 'sh', ...agent], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_NAME: 'build' },
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const end = ended(child);
  const deadline = Date.now() + WARM_MS;
  let up = false;
  while (child.exitCode === null && !(up = isUp(child.pid, log)) && Date.now() < deadline) {
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 5000);
  await end;
  clearTimeout(late);
  return up;
}

/** Other hosts, as files of the store. What an agent does for them is a large part of its start in a cluster. */
function putPeers(store) {
  mkdirSync(store, { recursive: true });
  for (let n = 1; n <= PEERS; n++) {
    const data = { VNI: 1, VtepMAC: `02:00:00:00:00:${n.toString(16).padStart(2, '0')}` };
    const lease = { PublicIP: `192.0.2.${100 + n}`, PublicIPv6: null, BackendType: 'vxlan', BackendData: data };
    writeFileSync(path.join(store, `10.244.${200 + n}.0-24`), JSON.stringify(lease));
  }
}

/** How many routes through its VXLAN device the kernel has in the namespace of a process. */
function peersOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/net/route`, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('flannel.1')).length;
  } catch {
    return 0;
  }
}

/**
 * Keeps the code of all that an agent takes to come up among others; and, since there is no server here, what the clients
 * of etcd and Kubernetes take to find that nobody answers. Where no namespace can be had (a container without privileges),
 * what only loading it takes has to do.
 */
async function keepCode() {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'overlay-bundle-'));
  const at = (name) => path.join(scratch, name);
  try {
    putPeers(at('store'));
    const up = await comeUp(at('local'), [`--local-store=${at('store')}`], (pid) => peersOf(pid) >= PEERS);
    if (up) {
      const away = (_pid, log) => log.includes(NOBODY);
      await Promise.all([
        comeUp(at('etcd'), [`--etcd-endpoints=http://${NOBODY}`], away),
        comeUp(at('kube'), ['--kube-subnet-mgr', `--kube-api-url=http://${NOBODY}`], away),
      ]);
    } else {
      await ended(spawn(process.execPath, [keeper, 'overlayd', '--version'], { stdio: 'ignore' }));
    }
    await ended(spawn(process.execPath, [keeper, 'overlay', 'lab', '--help'], { stdio: 'ignore' }));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

rmSync(bundle, { recursive: true, force: true });
await bundlePrograms();
await keepCode();
