import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { OverlayError } from '@overlay/core';
import { createLab } from '@overlay/lab';
import type { Lab, LabHost } from '@overlay/lab';
import { median, percentile, rounded } from '../statistics.js';
import type { Start, StartOrder } from './start-once.js';

const MAIN = fileURLToPath(new URL('./start-main.js', import.meta.url));
const HOSTS = 3;
const PORT = 8081;

/** What to measure. */
export interface StartOptions {
  /** The program that takes overlayd's flags: a file that Node runs. */
  readonly program: string;
  /** `Backend.Type`; vxlan unless told. */
  readonly backend?: string;
  /** Starts of each sort; 20 unless told. */
  readonly rounds?: number;
  /** Seconds for which the last agent is left alone before its memory is read; 30 unless told, 0: it is not. */
  readonly idleSeconds?: number;
  readonly signal: AbortSignal;
  /** Told what is going on. */
  readonly progress?: (text: string) => void;
}

/** The starts of one sort, in milliseconds since the program was executed. */
export interface Starts {
  /** Until `/readyz` says 200. */
  readonly readyMs: number;
  readonly readyP90Ms: number;
  /** Until subnet.env is there. */
  readonly subnetEnvMs: number;
  /** Processor time of the agent until it was ready. */
  readonly cpuMs: number;
}

/** What was measured: medians. */
export interface StartReport {
  readonly backend: string;
  readonly rounds: number;
  /** Milliseconds of `node -e 0`, for the speed of the machine. */
  readonly nodeMs: number;
  /** A host without anything of the overlay, the two others running. */
  readonly first: Starts;
  /** The same host again, with everything in the kernel as the agent before left it. */
  readonly again: Starts;
  /** All three hosts at the same time. */
  readonly together: Starts;
  /** The last agent after it was left alone; bytes of 10^6. */
  readonly idleRssMB?: number;
  readonly idleAnonymousMB?: number;
}

/**
 * Measures how long an agent takes from its execution until it is ready, in a lab of three hosts with a store of files,
 * and what it keeps of memory when nothing happens.
 *
 * @throws OverlayError `OVERLAY_BENCH_FAILED`, `OVERLAY_ABORTED`, and those of the lab.
 */
export async function benchStart(options: StartOptions): Promise<StartReport> {
  const { signal, backend = 'vxlan', rounds = 20, idleSeconds = 30, progress = (): void => undefined } = options;
  await using lab = await createLab({ name: `ovb-${process.pid}`, hosts: HOSTS, pods: 0, signal });
  const starter = new Starter(lab, options.program, backend);
  const [host, ...others] = lab.hosts;
  if (host === undefined) throw new OverlayError('OVERLAY_BENCH_FAILED', 'benchmark: the lab has no host');
  const nodeTimes: number[] = [];
  const first: Start[] = [];
  const again: Start[] = [];
  const together: Start[] = [];
  for (const other of others) starter.startOther(other);
  await Promise.all(others.map((other) => other.waitReady({ signal })));
  for (let round = 1; round <= rounds; round += 1) {
    nodeTimes.push(bareNode());
    await forgetOverlay(host);
    first.push(await starter.start(host, signal));
    again.push(await starter.start(host, signal));
    progress(`round ${round}: ${ms(first)} ms, again ${ms(again)} ms`);
  }
  const { idle } = idleSeconds > 0 ? await starter.start(host, signal, idleSeconds) : {};
  for (const other of others) await other.agent?.stop();
  for (let round = 1; round <= rounds; round += 1) {
    for (const each of lab.hosts) await forgetOverlay(each);
    together.push(...(await Promise.all(lab.hosts.map((each) => starter.start(each, signal)))));
    progress(`round ${round}, together: ${ms(together)} ms`);
  }
  return {
    backend,
    rounds,
    nodeMs: rounded(median(nodeTimes), 0),
    first: summary(first),
    again: summary(again),
    together: summary(together),
    ...(idle && {
      idleRssMB: rounded(idle.resident / 1e6, 1),
      idleAnonymousMB: rounded(idle.anonymous / 1e6, 1),
    }),
  };
}

/** Starts agents on the hosts of a lab. */
class Starter {
  readonly #lab: Lab;
  readonly #program: string;

  constructor(lab: Lab, program: string, backend: string) {
    this.#lab = lab;
    this.#program = path.resolve(program);
    writeFileSync(this.#at('net-conf.json'), JSON.stringify({ Network: '10.244.0.0/16', Backend: { Type: backend } }));
  }

  /** Starts one that is not measured, and leaves it running. */
  startOther(host: LabHost): void {
    host.startAgent({
      program: [process.execPath, this.#program],
      args: () => this.#flags(host),
      env: environment(),
      healthPort: PORT,
    });
  }

  /** Starts one, waits until it is ready, and ends it. */
  async start(host: LabHost, signal: AbortSignal, idleSeconds = 0): Promise<Start> {
    rmSync(host.subnetFile, { force: true });
    const { logFile, subnetFile } = host;
    const argv = [process.execPath, this.#program, ...this.#flags(host)];
    const order: StartOrder = { argv, logFile, subnetFile, port: PORT, idleSeconds };
    const { stdout } = await host.exec([process.execPath, MAIN, JSON.stringify(order)], { env: environment(), signal });
    return JSON.parse(stdout) as Start;
  }

  #flags(host: LabHost): string[] {
    return [
      `--host-id=${host.name}`,
      `--local-store=${this.#at('store')}`,
      `--net-config-path=${this.#at('net-conf.json')}`,
      `--subnet-file=${host.subnetFile}`,
      `--state-dir=${this.#at(`${host.name}-state`)}`,
      `--run-dir=${this.#at(`${host.name}-run`)}`,
      '--healthz-ip=127.0.0.1',
      `--healthz-port=${PORT}`,
      '--iface=eth0',
    ];
  }

  #at(name: string): string {
    return path.join(this.#lab.directory, name);
  }
}

/** Without what instruments this process: a debugger, a test runner's flags. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _ignored, ...env } = process.env;
  return env;
}

/** Removes what an agent has made on a host: the routes of its protocol, its devices. */
async function forgetOverlay(host: LabHost): Promise<void> {
  await host.exec(['ip', 'route', 'flush', 'proto', '111']);
  const { stdout } = await host.exec(['ip', '-j', 'link', 'show']);
  for (const { ifname, ifalias = '' } of JSON.parse(stdout) as { ifname: string; ifalias?: string }[]) {
    if (ifalias.startsWith('overlay:')) await host.exec(['ip', 'link', 'del', ifname]);
  }
}

/** Milliseconds that Node takes for nothing. */
function bareNode(): number {
  const began = performance.now();
  spawnSync(process.execPath, ['-e', '0'], { env: environment(), stdio: 'ignore' });
  return performance.now() - began;
}

function ms(starts: readonly Start[]): string {
  return (starts.at(-1)?.readyMs ?? NaN).toFixed(0);
}

function summary(starts: readonly Start[]): Starts {
  const ready = starts.map(({ readyMs }) => readyMs);
  return {
    readyMs: rounded(median(ready), 0),
    readyP90Ms: rounded(percentile(ready, 0.9), 0),
    subnetEnvMs: rounded(median(starts.map(({ subnetEnvMs }) => subnetEnvMs)), 0),
    cpuMs: rounded(median(starts.map(({ cpuMs }) => cpuMs)), 0),
  };
}
