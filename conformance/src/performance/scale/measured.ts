import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { OverlayError, parseNetConf } from '@overlay/core';
import type { Lease, LeaseUpdate, Network } from '@overlay/core';
import { openLinux } from '@overlay/linux';
import type { Linux } from '@overlay/linux';
import { firstValueFrom, of } from 'rxjs';
import type { Subject } from '../subject.js';
import { memoryOf } from '../memory.js';
import { NETWORK, OWN_SUBNET } from './population.js';
import type { Answer, Order } from './protocol.js';

const PATIENCE_MS = 120_000;
const HOST_ID = 'measured-host';

class Measured {
  readonly #subject: Subject;
  #linux: Linux | undefined;
  #network: Network | undefined;
  #leases: Lease[] = [];
  #flowing = false;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  take(line: string): Promise<void> | undefined {
    const value = JSON.parse(line) as Lease | Order;
    if ('order' in value) return this.#carryOut(value);
    if (this.#flowing) this.#apply({ type: 'delta', set: [value], deleted: [] });
    else this.#leases.push(value);
    return undefined;
  }

  async #carryOut(order: Order): Promise<void> {
    const before = process.cpuUsage();
    const start = performance.now();
    const ms = (await this.#act(order)) ?? [performance.now() - start];
    const { user, system } = process.cpuUsage(before);
    const whole = process.cpuUsage();
    const status = this.#network?.status();
    const answer: Answer = {
      ms,
      cpuMs: (user + system) / 1000,
      processMs: (whole.user + whole.system) / 1000,
      writes: this.#writes(),
      amiss: (status?.failed ?? 0) + (status?.pending ?? 0),
      memory: memoryOf('self'),
    };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }

  async #act(order: Order): Promise<number[] | void> {
    switch (order.order) {
      case 'open':
        return this.#open(order);
      case 'snapshot': {
        const leases = this.#leases;
        this.#leases = [];
        this.#apply({ type: 'snapshot', leases });
        return this.#settled();
      }
      case 'changes':
        return this.#changes();
      case 'flow':
        this.#flowing = true;
        return;
      case 'settle':
        return this.#settled();
      case 'idle':
        collectGarbage();
        return;
    }
  }

  async #open({ netns, host }: Extract<Order, { order: 'open' }>): Promise<void> {
    const subject = this.#subject;
    const configuration = { Network: NETWORK, SubnetLen: 24, Backend: { ...subject.options, Type: subject.type } };
    const netConf = parseNetConf(JSON.stringify(configuration));
    const linux = (this.#linux = openLinux({ netns }));
    const backend = subject.create(linux).create({ netConf, hostId: HOST_ID });
    const host$ = of(host);
    const attributes = await firstValueFrom(backend.attributes$({ host$ }));
    const own: Lease = { key: HOST_ID, subnets: { ipv4: OWN_SUBNET }, attributes };
    const signal = AbortSignal.timeout(PATIENCE_MS);
    this.#network = await backend.open({ host$, lease$: of(own), signal });
    await this.#network.settled({ signal });
  }

  async #changes(): Promise<number[]> {
    const times: number[] = [];
    for (const lease of this.#leases) {
      const start = performance.now();
      this.#apply({ type: 'delta', set: [lease], deleted: [] });
      await this.#settled();
      times.push(performance.now() - start);
    }
    this.#leases = [];
    return times;
  }

  #apply(update: LeaseUpdate): void {
    this.#opened().apply(update);
  }

  async #settled(): Promise<void> {
    await this.#opened().settled({ signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  #opened(): Network {
    if (this.#network) return this.#network;
    throw new OverlayError('OVERLAY_BENCH_ORDER', 'benchmark: the network has to be opened first');
  }

  /** Messages that change the kernel, and whatever else (settings) was handed to a kind to be written. */
  #writes(): number {
    let objects = 0;
    for (const count of this.#linux?.reconciler.writes.values() ?? []) objects += count;
    return Math.max(objects, this.#linux?.session.writes ?? 0);
  }
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** The measured process: a real Network with the agent's Linux layer, told what to do on standard input (`Order`). */
export async function runMeasured(subject: Subject): Promise<void> {
  const measured = new Measured(subject);
  let rest = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) await measured.take(line);
  }
  process.exit();
}
