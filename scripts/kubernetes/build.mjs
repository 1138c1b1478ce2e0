// Builds real Kubernetes servers for tests and labs with the Go toolchain, from their module, into a cache outside the
// repository. What is there already is left alone, so this may be called before every use.
//
//   node scripts/kubernetes/build.mjs [NAME ...]       (kube-apiserver, kube-controller-manager, kubelet, etcd, kubectl,
//                                                       kube-scheduler)
//   node scripts/kubernetes/build.mjs --where          (prints the folder, builds nothing)
//
// Without names it builds the first four: 4 to 5 minutes on two cores from nothing. Everything is told on stderr; stdout
// gets the folder that holds the programs. (Debian's etcd is too old for an API server to stream lists.)
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const packages = {
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
  etcd: 'go.etcd.io/etcd/server/v3',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
};
const programs = Object.keys(packages);
const usual = programs.slice(0, 4);

/** The release that go.mod asks for, as `v1.36.3`. */
function release() {
  const found = /^\s*(?:require )?k8s\.io\/kubernetes (v[0-9][^\s]*)/m.exec(
    readFileSync(path.join(here, 'go.mod'), 'utf8'),
  );
  if (found === null) throw new Error(`${path.join(here, 'go.mod')} does not require k8s.io/kubernetes`);
  return found[1];
}

/** What decides the outcome of a build, so that a change of it builds again beside what is there. */
function recipe() {
  const digest = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) digest.update(readFileSync(path.join(here, file)));
  return digest.digest('hex').slice(0, 8);
}

/** @returns {string} the folder of the programs of this recipe, whether they are built or not */
export function kubernetesFolder() {
  const cache = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  return path.join(cache, 'overlay-lab', 'kubernetes', `${release()}-${process.arch}-${recipe()}`);
}

function absent(folder, names) {
  return names.filter((name) => !existsSync(path.join(folder, name)));
}

/**
 * Holds a name in the abstract socket name space, which the kernel frees when this process ends however it ends.
 * @returns {Promise<net.Server | undefined>} nothing if another process holds it
 */
function tryLock(folder) {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(`\0overlay-build-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`, () =>
      resolve(server),
    );
  });
}

async function lock(folder) {
  for (let told = false; ; told = true) {
    const held = await tryLock(folder);
    if (held !== undefined) return held;
    if (!told) process.stderr.write('kubernetes: another process is building, waiting for it\n');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

function goBuild(name, into) {
  const stamp = `k8s.io/component-base/version.gitVersion=${release()}`;
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', `-s -w -X ${stamp}`];
  const args = ['build', ...flags, '-o', into, packages[name]];
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, { cwd: here, stdio: ['ignore', 2, 2], env: { ...process.env, CGO_ENABLED: '0' } });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`go ${args.join(' ')}: ${signal ?? `exit code ${code}`}`));
    });
  });
}

/**
 * Makes sure of the named programs.
 * @param {string[]} names
 * @returns {Promise<string>} the folder that holds them
 * @throws {Error} with one line that says what is missing or which build failed
 */
export async function buildKubernetes(names = usual) {
  const folder = kubernetesFolder();
  if (absent(folder, names).length === 0) return folder;
  const go = spawnSync('go', ['version'], { stdio: 'ignore' });
  if (go.error !== undefined) {
    throw new Error(
      `building ${names.join(', ')} needs Go; install it and put \`go\` on the PATH, or do without these tests`,
    );
  }
  mkdirSync(folder, { recursive: true });
  const held = await lock(folder);
  try {
    for (const name of absent(folder, names)) {
      const started = performance.now();
      process.stderr.write(`kubernetes: building ${name} for ${release()} (minutes, the first time)\n`);
      const unfinished = path.join(folder, `.${name}.unfinished`);
      try {
        await goBuild(name, unfinished);
        chmodSync(unfinished, 0o755);
        renameSync(unfinished, path.join(folder, name));
      } finally {
        rmSync(unfinished, { force: true });
      }
      const size = Math.round(statSync(path.join(folder, name)).size / 1e6);
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      process.stderr.write(`kubernetes: ${name}: ${size} MB, ${seconds} s\n`);
    }
  } finally {
    held.close();
  }
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const named = process.argv.slice(2);
  const unknown = named.filter((name) => name !== '--where' && !programs.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(
      `kubernetes: unknown program ${unknown.join(', ')}; expected ${programs.join(', ')} or --where\n`,
    );
    process.exitCode = 2;
  } else if (named.includes('--where')) {
    process.stdout.write(`${kubernetesFolder()}\n`);
  } else {
    try {
      process.stdout.write(`${await buildKubernetes(named.length > 0 ? named : usual)}\n`);
    } catch (error) {
      process.stderr.write(`kubernetes: ${error.message}\n`);
      process.exitCode = 1;
    }
  }
}
