import { statSync } from 'node:fs';
import path from 'node:path';
import type { Address } from '@overlay/core';
import type { Lab, LabPod } from '@overlay/lab';
import { cameBack, ping } from '@overlay/lab';
import type { Linux } from '@overlay/linux';
import { receivedFrom } from '../../traffic/traffic.js';
import type { PingAnswer, PingWish, Pod, Site, TrafficStream } from '../environment.js';
import type { HostAccess } from './kernel-machine.js';
import { KernelMachine } from './kernel-machine.js';
import { noProcessLeft, nothingLeft } from './leftovers.js';
import { PingStream } from './ping-stream.js';

const DEFAULT_PATIENCE_MS = 1000;

/** Network namespaces, and the links between them. */
export class KernelSite implements Site<Linux> {
  readonly machines: readonly KernelMachine[];
  readonly lab: Lab;
  readonly #descriptorsBefore: ReadonlyMap<string, string>;
  #streams = 0;

  constructor(lab: Lab, descriptorsBefore: ReadonlyMap<string, string>, access: HostAccess) {
    this.lab = lab;
    this.#descriptorsBefore = descriptorsBefore;
    this.machines = lab.hosts.map((host) => new KernelMachine(lab, host, access));
  }

  get mtu(): number {
    return this.lab.topology.mtu;
  }

  async waitConnected(timeoutMs: number): Promise<readonly string[]> {
    const apart = await this.lab.waitConnected({ timeoutMs });
    return apart.map(({ from, address }) => `${from.name} to ${address}`);
  }

  async silentPairs(): Promise<readonly string[]> {
    const results = await this.lab.pingMatrix();
    if (results.length === 0) throw new Error('there was no pair to ping');
    return results
      .filter((result) => !cameBack(result))
      .map(({ pair, sent, received, fullMtu, problem }) => {
        const full = `of ${pair.mtu} bytes ${fullMtu.received} of ${fullMtu.sent}`;
        const way = `${pair.kind} ${pair.from.name} to ${pair.address}`;
        return `${way}: ${received} of ${sent}, ${full}; ${problem ?? fullMtu.problem}`;
      });
  }

  ping(from: Pod, to: Address, { count, packetSize, patienceMs = DEFAULT_PATIENCE_MS }: PingWish): Promise<PingAnswer> {
    return ping(from as LabPod, to, { count, packetSize, timeout: patienceMs / 1000 });
  }

  stream(from: Pod, to: Address): TrafficStream {
    const file = path.join(this.lab.directory, `ping-${this.#streams++}.log`);
    return new PingStream(from as LabPod, to, file);
  }

  async spoof(from: Pod, to: Pod, source: Address): Promise<{ honest: boolean; spoofed: boolean }> {
    return receivedFrom(from as LabPod, to as LabPod, source, this.lab.directory);
  }

  async close(timeoutMs: number): Promise<void> {
    const { lab } = this;
    const netns = [lab.topology.routerNetns, ...[...lab.hosts, ...lab.pods].map((node) => node.netns)];
    const inodeOf = (name: string): number => statSync(`/run/netns/${name}`).ino;
    const inodes = new Set(netns.map(inodeOf));
    // Where a backend was, nobody else has started anything that goes on. The lab ends what it finds, whoever began it.
    const used = lab.hosts.filter((_, at) => this.machines[at]?.used);
    try {
      await noProcessLeft(new Set(used.map((host) => inodeOf(host.netns))), timeoutMs);
    } finally {
      await lab.close();
    }
    await nothingLeft(this.#descriptorsBefore, `ovl-${lab.id}-`, inodes, timeoutMs);
  }
}
