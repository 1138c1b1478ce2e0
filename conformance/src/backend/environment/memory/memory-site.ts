import type { MemoryFabric, MemoryKernel, MemoryPod } from '@overlay/backend-memory';
import type { Address } from '@overlay/core';
import { FAMILIES } from '@overlay/core';
import { until } from '../../../suite/until.js';
import type { PingAnswer, PingWish, Pod, Site, TrafficStream } from '../environment.js';
import { MemoryMachine } from './memory-machine.js';
import { MemoryStream } from './memory-stream.js';

const SMALL = 84;

interface Pair {
  readonly from: MemoryPod;
  readonly to: MemoryPod;
  readonly address: Address;
}

/** Hosts in memory. */
export class MemorySite implements Site<MemoryKernel> {
  readonly machines: readonly MemoryMachine[];
  readonly #fabric: MemoryFabric;

  constructor(fabric: MemoryFabric) {
    this.#fabric = fabric;
    this.machines = fabric.hosts.map((host) => new MemoryMachine(host));
  }

  get mtu(): number {
    return this.#fabric.mtu;
  }

  async waitConnected(timeoutMs: number): Promise<readonly string[]> {
    let apart: readonly string[] = [];
    const look = (): boolean => {
      apart = this.#silent(() => [SMALL]);
      return apart.length === 0;
    };
    await until('pods reach each other', timeoutMs, look).catch(() => undefined);
    return apart;
  }

  async silentPairs(): Promise<readonly string[]> {
    if (this.#pairs.length === 0) throw new Error('there was no pair to ping');
    return this.#silent(({ from, to }) => [SMALL, Math.min(from.mtu, to.mtu)]);
  }

  async ping(from: Pod, to: Address, { count, packetSize }: PingWish): Promise<PingAnswer> {
    const problem = this.#fabric.ping(from as MemoryPod, to, packetSize);
    return problem === undefined ? { sent: count, received: count } : { sent: count, received: 0, problem };
  }

  stream(from: Pod, to: Address): TrafficStream {
    const what = `ping from ${from.name} to ${to}`;
    return new MemoryStream(what, () => this.#fabric.ping(from as MemoryPod, to) === undefined);
  }

  async spoof(from: Pod, to: Pod, source: Address): Promise<{ honest: boolean; spoofed: boolean }> {
    const family = FAMILIES.find((each) => (each === 'ipv6') === source.includes(':')) ?? 'ipv4';
    const [own, destination] = [from.addresses[family] as Address, to.addresses[family] as Address];
    const arrives = (as: Address): boolean =>
      this.#fabric.send(from as MemoryPod, { source: as, destination, bytes: SMALL }).pod === to;
    return { honest: arrives(own), spoofed: arrives(source) };
  }

  async close(timeoutMs: number): Promise<void> {
    const left = (): string[] =>
      this.#fabric.hosts
        .filter(({ processes }) => processes > 0)
        .map(({ name, processes }) => `${processes} processes that have the table of ${name} open`);
    await until(
      () => `nothing left over; there is ${left().join(', ')}`,
      timeoutMs,
      () => left().length === 0,
    );
  }

  get #pairs(): readonly Pair[] {
    const pods = this.#fabric.hosts.flatMap((host) => host.pods);
    return pods.flatMap((from) =>
      pods
        .filter((to) => to !== from)
        .flatMap((to) => Object.values(to.addresses).map((address: Address) => ({ from, to, address }))),
    );
  }

  #silent(sizes: (pair: Pair) => readonly number[]): readonly string[] {
    return this.#pairs.flatMap((pair) =>
      sizes(pair).flatMap((bytes) => {
        const problem = this.#fabric.ping(pair.from, pair.address, bytes);
        return problem === undefined ? [] : [`${pair.from.name} to ${pair.address}, ${bytes} bytes: ${problem}`];
      }),
    );
  }
}
