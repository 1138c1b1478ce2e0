import type { Address, Family, PerFamily } from '@overlay/core';
import { FAMILIES, prefixLength } from '@overlay/core';
import type { Lab, LabHost } from '@overlay/lab';
import { execute } from './execute.js';

/** What happens to a host's external interface in its life: it is replaced, gets another address, loses its carrier. */
export class Underlay {
  readonly #lab: Lab;
  readonly #host: LabHost;
  #addresses: PerFamily<Address>;
  #mac = '';

  constructor(lab: Lab, host: LabHost) {
    this.#lab = lab;
    this.#host = host;
    this.#addresses = host.addresses;
  }

  /** Takes the interface away, as an unplugged device or a restarted driver does. */
  async remove(): Promise<void> {
    const [link] = JSON.parse(await execute(['ip', '-n', this.#host.netns, '-j', 'link', 'show', 'eth0'])) as [
      { address: string },
    ];
    this.#mac = link.address;
    await this.#onHost('link del eth0');
  }

  /** Puts it back with another index, and with its old addresses. The MAC is one of them unless told: it is the same card. */
  async create(mac = this.#mac): Promise<void> {
    const { topology } = this.#lab;
    const { mtu, routerNetns } = topology;
    const { name, segment, netns } = this.#host.plan;
    await ip(routerNetns, [
      `link add ${name} mtu ${mtu} type veth peer name eth0 address ${mac} mtu ${mtu} netns ${netns}`,
      `link set ${name} master ${segment.bridge} up`,
    ]);
    // The kernel's own link-local address would be tentative for more than a second.
    const linkLocal = [
      'link set eth0 addrgenmode none',
      `addr add fe80::${10 + this.#host.plan.index}/64 dev eth0 nodad`,
    ];
    await this.#onHost(
      ...(topology.families.includes('ipv6') ? linkLocal : []),
      'link set eth0 up',
      ...this.#configure(),
    );
  }

  /** Changes the host's addresses, and its default route with them. */
  async readdress(addresses: PerFamily<Address>): Promise<void> {
    const old = this.#families().map((family) => `addr del ${this.#withLength(family)} dev eth0`);
    this.#addresses = addresses;
    await this.#onHost(...old, ...this.#configure());
  }

  /** Gives the interface another MAC, as a bond does that changes its active device. */
  async setMac(mac: string): Promise<void> {
    await this.#onHost(`link set eth0 address ${mac}`);
  }

  /** Changes the MTU of the interface, in bytes. */
  async setMtu(mtu: number): Promise<void> {
    await this.#onHost(`link set eth0 mtu ${mtu}`);
  }

  /** Pulls the plug at the switch's end, or puts it in again. */
  async setCarrier(carrier: 'on' | 'off'): Promise<void> {
    await ip(this.#lab.topology.routerNetns, [`link set ${this.#host.plan.name} ${carrier === 'on' ? 'up' : 'down'}`]);
  }

  #configure(): string[] {
    const { gateways } = this.#host.plan.segment;
    return [
      ...this.#families().map((f) => `addr add ${this.#withLength(f)} dev eth0${f === 'ipv6' ? ' nodad' : ''}`),
      ...this.#families().map((f) => `route replace default via ${gateways[f]} dev eth0`),
    ];
  }

  #families(): Family[] {
    return FAMILIES.filter((family) => this.#addresses[family] !== undefined);
  }

  #withLength(family: Family): string {
    const prefix = this.#host.plan.segment.prefixes[family];
    if (prefix === undefined) throw new Error(`the underlay has no ${family}`);
    return `${this.#addresses[family]}/${prefixLength(prefix)}`;
  }

  async #onHost(...lines: string[]): Promise<void> {
    await ip(this.#host.netns, lines);
  }
}

/** Runs lines of `ip -batch` in a namespace. */
async function ip(netns: string, lines: readonly string[]): Promise<void> {
  await execute(['ip', '-n', netns, '-batch', '-'], `${lines.join('\n')}\n`);
}
