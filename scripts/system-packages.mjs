// The system packages that building and running need. Missing ones are named and, as root on a Debian-like system,
// installed with apt. Everything is printed to stderr.
//
//   node scripts/system-packages.mjs [build] [kernel] [fuzz] [stores] [kubelets]     (all, when none is named)
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** What compiles the addons for the other processor that they are shipped for. */
function crossCompiler(arch) {
  const other = { x64: ['aarch64', 'arm64'], arm64: ['x86-64', 'amd64'] }[arch];
  if (other === undefined) return [];
  const triplet = `${other[0].replace('-', '_')}-linux-gnu`;
  return [
    { debian: `gcc-${other[0]}-linux-gnu`, command: `${triplet}-gcc` },
    { debian: `libc6-dev-${other[1]}-cross`, file: `/usr/${triplet}/include/stdlib.h` },
  ];
}

/** Whether clang has libFuzzer and the sanitizers, which lie in a folder of its version. */
function hasFuzzer() {
  const asked = spawnSync('clang', ['-print-resource-dir'], { encoding: 'utf8' });
  if (asked.status !== 0) return false;
  const arch = { x64: 'x86_64', arm64: 'aarch64' }[process.arch];
  return existsSync(path.join(asked.stdout.trim(), 'lib', 'linux', `libclang_rt.fuzzer-${arch}.a`));
}

/** How each need shows itself: a command on the path, a file, or a function that looks. */
const needs = {
  build: [
    { debian: 'gcc', command: 'gcc' },
    { debian: 'libc6-dev', file: '/usr/include/stdlib.h' },
    { debian: 'linux-libc-dev', file: '/usr/include/linux/rtnetlink.h' },
    ...crossCompiler(process.arch),
    // Makes the bytecode of the UDP backend's programs.
    { debian: 'clang', command: 'clang' },
  ],
  fuzz: [
    { debian: 'clang', command: 'clang' },
    { debian: 'libclang-rt-dev', isThere: hasFuzzer },
  ],
  kernel: [
    { debian: 'iproute2', command: 'ip' },
    { debian: 'iputils-ping', command: 'ping' },
    { debian: 'iperf3', command: 'iperf3' },
    { debian: 'nftables', command: 'nft' },
    { debian: 'tcpdump', command: 'tcpdump' },
    { debian: 'ethtool', command: 'ethtool' },
    { debian: 'bpftool', command: 'bpftool' },
    // The second implementation of the UDP backend's format in the conformance suite.
    { debian: 'socat', command: 'socat' },
  ],
  // Servers for the tests of distributed stores; where they are missing those tests are skipped.
  stores: [
    { debian: 'etcd-server', command: 'etcd' },
    { debian: 'etcd-client', command: 'etcdctl' },
    { debian: 'openssl', command: 'openssl' },
  ],
  // Kubelets in the lab.
  kubelets: [
    { debian: 'containerd', command: 'containerd' },
    { debian: 'runc', command: 'runc' },
    { debian: 'containernetworking-plugins', file: '/usr/lib/cni/bridge' },
    { debian: 'busybox-static', command: 'busybox' },
  ],
};

function onPath(command) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(path.join(folder, command), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}

function isThere({ command, file, isThere: look }) {
  if (look !== undefined) return look();
  return command === undefined ? existsSync(file) : onPath(command);
}

function missing(purposes) {
  return purposes
    .flatMap((purpose) => needs[purpose])
    .filter((need) => !isThere(need))
    .map((need) => need.debian);
}

function apt(...args) {
  const done = spawnSync('apt-get', args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 600_000,
  });
  return done.status === 0;
}

/**
 * Makes sure of what the purposes need.
 * @param {('build' | 'kernel' | 'fuzz' | 'stores' | 'kubelets')[]} purposes
 * @returns {boolean} whether everything is there now; if not, one line on stderr has named what is missing and how to get it
 */
export function ensureSystemPackages(purposes) {
  const absent = missing(purposes);
  if (absent.length === 0) return true;
  const list = absent.join(' ');
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    const how = onPath('apt-get')
      ? `run \`sudo apt-get install ${list}\``
      : "install them with this system's package manager (the names are Debian's)";
    process.stderr.write(`Missing system packages: ${list}; ${how}.\n`);
    return false;
  }
  process.stderr.write(`Installing missing system packages: ${list}\n`);
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...absent];
  if (apt('update', '-qq')) apt(...install);
  const still = missing(purposes);
  if (still.length === 0) return true;
  process.stderr.write(`Could not install: ${still.join(' ')}; see apt's messages above.\n`);
  return false;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const named = process.argv.slice(2);
  const unknown = named.filter((name) => !Object.hasOwn(needs, name));
  if (unknown.length > 0) {
    process.stderr.write(
      `system-packages: unknown purpose ${unknown.join(', ')}; expected build, kernel, fuzz, stores or kubelets\n`,
    );
    process.exitCode = 2;
  } else if (!ensureSystemPackages(named.length > 0 ? named : Object.keys(needs))) {
    process.exitCode = 1;
  }
}
