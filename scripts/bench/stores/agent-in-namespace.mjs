// What benchmarks of the whole agent have in common: a network namespace of its own, and `ip monitor`, which tells what
// the kernel gets and when.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import process from 'node:process';

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });

/** Runs this program once more, in a network namespace that goes with it. */
export function inNamespace() {
  const args = ['--net', process.execPath, ...process.argv.slice(1)];
  const done = spawnSync('unshare', args, { stdio: 'inherit', env: { ...process.env, OVERLAY_BENCH_NAMESPACE: '1' } });
  return done.status ?? 1;
}

/** Whether this program runs in such a namespace. */
export function isInNamespace() {
  return process.env.OVERLAY_BENCH_NAMESPACE !== undefined;
}

/** How long the kernel may take to get everything, in milliseconds. */
const LIMIT_MS = 60_000;

/** An interface with the address of the host whose agent is measured, and a way to all others. */
export function makeUnderlay() {
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'underlay', 'type', 'veth', 'peer', 'name', 'nobody');
  ip('link', 'set', 'nobody', 'up');
  ip('link', 'set', 'underlay', 'up');
  ip('address', 'add', '172.16.0.1/15', 'dev', 'underlay');
}

/** Counts the routes that the kernel gets from an agent, and waits for MACs of neighbours. */
export class KernelChanges {
  #macs = new Map();
  #gateways = new Map();
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

  /** When the kernel has got a route through this gateway. */
  gateway(address) {
    return within(new Promise((resolve) => this.#gateways.set(address, resolve)), () => `no route via ${address}`);
  }

  /** Until what is done now is told. */
  async ready() {
    const probe = '172.17.255.254';
    const told = this.gateway(probe);
    const line = ['route', 'replace', '192.0.2.0/24', 'via', probe];
    for (let heard = false; !heard;) {
      ip(...line);
      ip('route', 'delete', '192.0.2.0/24');
      heard = await Promise.race([told.then(() => true), new Promise((resolve) => setTimeout(resolve, 20, false))]);
    }
  }

  #take(line, at) {
    if (line.startsWith('Deleted')) return;
    const [, gateway] = / via (\S+)/.exec(line) ?? [];
    this.#gateways.get(gateway)?.(at);
    this.#gateways.delete(gateway);
    if (line.includes(' proto 111 ')) {
      this.routes++;
      this.lastAt = at;
      if (this.routes === this.#wanted) this.#reached();
    }
    const [, mac] = / lladdr (\S+)/.exec(line) ?? [];
    this.#macs.get(mac)?.(at);
    this.#macs.delete(mac);
  }

  /** Ends an agent and what watches it, and removes what it has made. */
  async end(agent) {
    for (const child of [agent, this.child]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    for (const line of ['link delete flannel.1', 'route flush proto 111']) {
      spawnSync('ip', line.split(' '), { stdio: 'ignore' });
    }
  }
}

function within(promise, what) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${LIMIT_MS} ms the kernel has ${what()}`)), LIMIT_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** Megabytes that a process has had resident at most. */
export function peakMb(pid) {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}
