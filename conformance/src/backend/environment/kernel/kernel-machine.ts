import type { Address, Family, PerFamily, Prefix } from '@overlay/core';
import { FAMILIES, prefixLength } from '@overlay/core';
import type { Lab, LabHost, LabPod, PodNetwork } from '@overlay/lab';
import type { Linux } from '@overlay/linux';
import { openNetlink } from '@overlay/linux';
import type { Attachment, Disturbance, Machine } from '../environment.js';
import type { View } from '../view.js';
import { commandsFor } from './disturb.js';
import { FOREIGN } from './foreign.js';
import { KernelAccess } from './kernel-access.js';
import { KernelAttachment } from './kernel-attachment.js';
import type { HostLinuxOptions } from './host-linux-options.js';
import type { InProcess } from './in-process.js';
import { processItems } from './in-process.js';
import { readView } from './read-view.js';

/** How processes have a host, and what is to be seen in them. */
export interface HostAccess {
  readonly open: (options: HostLinuxOptions) => Linux;
  readonly inProcess: readonly InProcess[];
}

/** A network namespace as a host. */
export class KernelMachine implements Machine<Linux> {
  readonly #lab: Lab;
  readonly #host: LabHost;
  readonly #access: HostAccess;
  readonly #attached = new Set<Linux>();
  #used = false;

  constructor(lab: Lab, host: LabHost, access: HostAccess) {
    this.#lab = lab;
    this.#host = host;
    this.#access = access;
  }

  /** Whether any process has had it. */
  get used(): boolean {
    return this.#used;
  }

  get name(): string {
    return this.#host.name;
  }

  get addresses(): PerFamily<Address> {
    return this.#host.addresses;
  }

  get prefixes(): PerFamily<Prefix> {
    return this.#host.plan.segment.prefixes;
  }

  get pods(): readonly LabPod[] {
    return this.#host.pods;
  }

  attach({ instance, logger }: Parameters<Machine<Linux>['attach']>[0]): Attachment<Linux> {
    const netns = `/run/netns/${this.#host.netns}`;
    const access = new KernelAccess(() => openNetlink({ netns }));
    const named = instance === undefined ? {} : { instance };
    const linux = this.#access.open({ netns, logger, open: () => access.open(), ...named });
    this.#attached.add(linux);
    this.#used = true;
    return new KernelAttachment(linux, access, () => this.#attached.delete(linux));
  }

  async view(): Promise<View> {
    const inKernel = await readView(this.#host);
    const { inProcess } = this.#access;
    return inProcess.length === 0 ? inKernel : inKernel.plus(await processItems(this.#attached, inProcess));
  }

  async settings(): Promise<string> {
    const names = 'find /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/ipv4/neigh -type f | sort';
    const script = `${names} | xargs grep -s . ; cat /proc/sys/net/ipv4/ip_forward`;
    const { stdout } = await this.#host.exec(['sh', '-c', script]);
    if (stdout === '') throw new Error(`no settings of ${this.name}`);
    return stdout;
  }

  async addPod(network: PodNetwork): Promise<void> {
    await this.#host.addPods(1, { network });
  }

  async disturb(what: Disturbance, own: View): Promise<boolean> {
    const commands = commandsFor(what, own);
    for (const argv of commands) await this.#host.exec(argv);
    return commands.length > 0;
  }

  async addForeign(families: readonly Family[]): Promise<void> {
    for (const line of [...FOREIGN.both, ...families.flatMap((family) => FOREIGN[family])]) {
      await this.#host.exec(['ip', ...line.split(' ')]);
    }
  }

  /** As a driver does that is loaded anew: with the same MAC. */
  async recreateInterface(): Promise<void> {
    const { stdout } = await this.#host.exec(['ip', '-d', '-j', 'link', 'show', 'eth0']);
    const [{ address, mtu }] = JSON.parse(stdout) as [{ address: string; mtu: number }];
    const { topology } = this.#lab;
    const { name, segment } = this.#host.plan;
    await this.#host.exec(['ip', 'link', 'del', 'eth0']);
    await this.#batch(topology.routerNetns, [
      `link add ${name} mtu ${mtu} type veth peer name eth0 address ${address} mtu ${mtu} netns ${this.#host.netns}`,
      `link set ${name} master ${segment.bridge} up`,
    ]);
    const linkLocal = [`link set eth0 addrgenmode none`, `addr add fe80::aa/64 dev eth0 nodad`];
    const lines = [...(topology.families.includes('ipv6') ? linkLocal : []), 'link set eth0 up'];
    await this.#batch(this.#host.netns, [...lines, ...this.#addressing(this.addresses)]);
  }

  async readdress(from: PerFamily<Address>, to: PerFamily<Address>): Promise<void> {
    const removals = FAMILIES.flatMap((family) => {
      const [address, prefix] = [from[family], this.prefixes[family]];
      return address && prefix ? [`addr del ${address}/${prefixLength(prefix)} dev eth0`] : [];
    });
    await this.#batch(this.#host.netns, [...removals, ...this.#addressing(to)]);
  }

  async setMtu(mtu: number): Promise<void> {
    await this.#host.exec(['ip', 'link', 'set', 'eth0', 'mtu', String(mtu)]);
  }

  /** Lines for `ip -batch` that give the interface its addresses and default routes. */
  #addressing(addresses: PerFamily<Address>): string[] {
    const { prefixes, gateways } = this.#host.plan.segment;
    return FAMILIES.flatMap((family) => {
      const [address, prefix] = [addresses[family], prefixes[family]];
      if (address === undefined || prefix === undefined) return [];
      return [
        `addr add ${address}/${prefixLength(prefix)} dev eth0${family === 'ipv6' ? ' nodad' : ''}`,
        `route replace default via ${gateways[family]}`,
      ];
    });
  }

  async #batch(netns: string, lines: readonly string[]): Promise<void> {
    await this.#host.exec(['ip', '-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }
}
