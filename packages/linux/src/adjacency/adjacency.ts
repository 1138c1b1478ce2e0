import { makePrefix } from '@overlay/core';
import type { Address, Clock, Host, Prefix } from '@overlay/core';
import type { KernelEvents } from '../kernel/events.js';
import type { LinkTable } from '../kernel/link-table.js';
import type { KernelSession } from '../kernel/session.js';
import { MessageType } from '../netlink/protocol.js';
import type { NetlinkMessage } from '../netlink/message.js';
import { decodeAddress, dumpAddresses } from '../netlink/rtnetlink/address.js';
import { decodeNeighbour, dumpNeighbours, probeNeighbour } from '../netlink/rtnetlink/neighbour.js';
import { decodeRoute } from '../netlink/rtnetlink/route.js';
import { lookupRoute } from '../netlink/rtnetlink/route-requests.js';
import type { NeighbourState } from '../netlink/rtnetlink/neighbour-message.js';
import type { PeerWatch } from '../network/design.js';
import { OnLink } from './on-link.js';
import { Resolution } from './resolution.js';
import { DIRECT, judgeRoute } from './verdict.js';
import type { RouteAnswer, Verdict } from './verdict.js';

/** Changes of routes and addresses come in bursts. */
const SETTLE_MS = 50;
/** How often addresses that do not answer are asked again. */
const DOUBT_MS = 1000;
/** How often those that answered are asked again. */
const CONFIRM_MS = 30_000;
const PROBES_A_TURN = 256;

/** What adjacency is judged with. */
export interface AdjacencyContext {
  readonly session: KernelSession;
  readonly events: KernelEvents;
  readonly links: LinkTable;
  readonly clock: Clock;
  /** The protocol number of our own routes, whose changes say nothing of the underlay. */
  readonly routeProtocol: number;
  /** Whether a neighbour must also have answered (ARP, neighbour discovery), not only the route look right. */
  readonly confirmed: boolean;
  /** Called when the number of neighbours that traffic may need has doubled, with that number. */
  readonly onNeighbours?: (count: number) => void;
}

/** The kernel's own limits are enough for this many (gc_thresh2 of net/ipv4/arp.c is 512). */
const FEW_NEIGHBOURS = 256;

/**
 * Tells which hosts are on this host's link. Addresses inside the interface's own prefixes are, at once; for others the
 * kernel is asked for its route. With `confirmed` they also have to have answered.
 */
export class Adjacency implements PeerWatch {
  readonly #context: AdjacencyContext;
  /** Which peers an address is followed for: nearly always one, and then a set of its own would be most of the memory. */
  readonly #users = new Map<Address, string | Set<string>>();
  readonly #answers = new Map<Address, RouteAnswer>();
  readonly #asking = new Set<Address>();
  readonly #resolution = new Resolution();
  readonly #listeners = new Set<(peers?: Iterable<string>) => void>();
  readonly #onLink = new Map<string, OnLink>();
  /** What the kernel knows of all neighbours, by device and address; kept only where it matters. */
  readonly #states = new Map<string, NeighbourState>();
  readonly #stops: (() => void)[] = [];
  #via: Host['interface'] | undefined;
  #cancelSettle: (() => void) | undefined;
  #cancelProbe: (() => void) | undefined;
  #lastConfirm = 0;
  #announced = FEW_NEIGHBOURS;
  #announcing = false;
  #closed = false;

  private constructor(context: AdjacencyContext) {
    this.#context = context;
    this.#stops.push(context.events.listen({ message: (message) => this.#heard(message), lost: () => this.#soon() }));
  }

  /** Reads the interfaces' prefixes, so that the first verdicts need no waiting. */
  static async open(context: AdjacencyContext): Promise<Adjacency> {
    const adjacency = new Adjacency(context);
    try {
      await adjacency.#readPrefixes();
      if (context.confirmed) await adjacency.#readNeighbours();
      return adjacency;
    } catch (error) {
      adjacency.close();
      throw error;
    }
  }

  changes(listener: (peers?: Iterable<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  follow(peer: string, addresses: readonly Address[], before: readonly Address[]): void {
    for (const address of before) if (!addresses.includes(address)) this.#unuse(address, peer);
    for (const address of addresses) this.#use(address, peer);
  }

  /** The verdict on an address; undefined while the kernel is being asked. */
  verdict(address: Address, host: Host): Verdict | undefined {
    this.#via = host.interface;
    const byRoute = this.#byRoute(address, host.interface);
    if (!byRoute?.direct || !this.#context.confirmed) return byRoute;
    if (!this.#resolution.follows(address)) {
      this.#resolution.follow(address);
      // What is known already counts at once: after a restart nothing has to go by the tunnel for a moment.
      const known = this.#states.get(neighbourName(host.interface.index, address));
      if (known !== undefined) this.#resolution.heard(address, known);
      void this.#probe([address]);
      this.#scheduleProbes();
    }
    if (this.#resolution.resolved(address)) return DIRECT;
    return { direct: false, reason: `${address} has not answered as a neighbour on ${host.interface.name}` };
  }

  close(): void {
    this.#closed = true;
    this.#cancelSettle?.();
    this.#cancelProbe?.();
    for (const stop of this.#stops) stop();
    this.#listeners.clear();
  }

  #byRoute(address: Address, via: Host['interface']): Verdict | undefined {
    if (this.#onLink.get(via.name)?.has(address)) return judgeRoute(address, { link: via.name }, via);
    const answer = this.#answers.get(address);
    if (answer) return judgeRoute(address, answer, via);
    void this.#ask([address]);
    return undefined;
  }

  #use(address: Address, peer: string): void {
    const users = this.#users.get(address);
    if (users instanceof Set) users.add(peer);
    else if (users === undefined) this.#users.set(address, peer);
    else if (users !== peer) this.#users.set(address, new Set([users, peer]));
    if (this.#users.size > this.#announced) this.#announce();
  }

  /** Peers come by the thousand at once: what they need is announced when all of them have come. */
  #announce(): void {
    if (this.#announcing) return;
    this.#announcing = true;
    queueMicrotask(() => {
      this.#announcing = false;
      while (this.#announced < this.#users.size) this.#announced *= 2;
      if (!this.#closed) this.#context.onNeighbours?.(this.#announced);
    });
  }

  #usersOf(address: Address): Iterable<string> {
    const users = this.#users.get(address) ?? [];
    return typeof users === 'string' ? [users] : users;
  }

  #unuse(address: Address, peer: string): void {
    const users = this.#users.get(address);
    if (users instanceof Set ? !users.delete(peer) || users.size > 0 : users !== peer) return;
    this.#users.delete(address);
    this.#answers.delete(address);
    this.#resolution.unfollow(address);
  }

  /** Asks the kernel for its route to some addresses, and says whose verdict is another one. */
  async #ask(addresses: Iterable<Address>): Promise<void> {
    const changed = new Set<string>();
    await Promise.all(
      [...addresses].map(async (address) => {
        if (this.#asking.has(address)) return;
        this.#asking.add(address);
        const answer = await this.#lookup(address);
        this.#asking.delete(address);
        if (this.#closed || !this.#users.has(address)) return;
        const before = this.#answers.get(address);
        this.#answers.set(address, answer);
        if (before && sameAnswer(before, answer)) return;
        for (const peer of this.#usersOf(address)) changed.add(peer);
      }),
    );
    if (changed.size > 0) this.#tell(changed);
  }

  async #lookup(destination: Address): Promise<RouteAnswer> {
    const { session, links } = this.#context;
    try {
      await links.ready();
      const route = decodeRoute(await session.use((port) => port.query(lookupRoute({ destination }))));
      const link = route?.outIndex === undefined ? undefined : links.byIndex(route.outIndex)?.name;
      return {
        ...(route?.gateway === undefined ? {} : { gateway: route.gateway }),
        ...(link === undefined ? {} : { link }),
      };
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }

  async #readPrefixes(): Promise<void> {
    const { session, links } = this.#context;
    await links.ready();
    const found = new Map<string, Prefix[]>();
    await session.use((port) =>
      port.dump(dumpAddresses(), (message) => {
        const entry = decodeAddress(message);
        const name = entry && links.byIndex(entry.index)?.name;
        if (!entry || name === undefined || entry.noPrefixRoute) return;
        found.set(name, [...(found.get(name) ?? []), makePrefix(entry.address, entry.prefixLength)]);
      }),
    );
    this.#onLink.clear();
    for (const [name, prefixes] of found) this.#onLink.set(name, new OnLink(prefixes));
  }

  async #readNeighbours(): Promise<void> {
    const { session } = this.#context;
    await session.use((port) =>
      port.dump(dumpNeighbours(), (message) => {
        const found = decodeNeighbour(message);
        if (found) this.#states.set(neighbourName(found.index, found.address), found.state);
      }),
    );
  }

  #heard(message: NetlinkMessage): void {
    switch (message.type) {
      case MessageType.newAddress:
      case MessageType.deleteAddress:
        this.#soon();
        break;
      case MessageType.newRoute:
      case MessageType.deleteRoute:
        if (decodeRoute(message)?.protocol !== this.#context.routeProtocol) this.#soon();
        break;
      case MessageType.newNeighbour:
      case MessageType.deleteNeighbour:
        if (this.#context.confirmed) this.#heardNeighbour(message);
        break;
    }
  }

  #heardNeighbour(message: NetlinkMessage): void {
    const found = decodeNeighbour(message);
    if (!found) return;
    const name = neighbourName(found.index, found.address);
    if (message.type === MessageType.deleteNeighbour) {
      this.#states.delete(name);
      return;
    }
    this.#states.set(name, found.state);
    if (found.index !== this.#via?.index) return;
    const changed = this.#resolution.heard(found.address, found.state);
    if (found.state === 'failed') this.#scheduleProbes();
    if (changed) this.#tell(this.#usersOf(found.address));
  }

  /** Judges everything again once things have calmed down. */
  #soon(): void {
    if (this.#cancelSettle || this.#closed) return;
    this.#cancelSettle = this.#context.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined;
      void this.#again();
    });
  }

  async #again(): Promise<void> {
    const before = this.#described();
    try {
      await this.#readPrefixes();
    } catch {
      // The kernel cannot be asked now; the next change, or the verdict that is asked for, tries again.
      return this.#soon();
    }
    if (this.#closed) return;
    if (this.#described() !== before) this.#tell();
    await this.#ask([...this.#answers.keys()]);
  }

  #described(): string {
    return JSON.stringify([...this.#onLink].map(([name, { prefixes }]) => [name, prefixes]));
  }

  #scheduleProbes(): void {
    if (this.#cancelProbe || this.#closed || !this.#context.confirmed) return;
    this.#cancelProbe = this.#context.clock.after(DOUBT_MS, () => {
      this.#cancelProbe = undefined;
      const now = this.#context.clock.now();
      const confirm = now - this.#lastConfirm >= CONFIRM_MS;
      if (confirm) this.#lastConfirm = now;
      const due: Address[] = [];
      for (const address of confirm ? this.#resolution.addresses() : this.#resolution.doubtful()) {
        due.push(address);
        if (due.length === PROBES_A_TURN) break;
      }
      void this.#probe(due);
      this.#scheduleProbes();
    });
  }

  async #probe(addresses: readonly Address[]): Promise<void> {
    const index = this.#via?.index;
    if (index === undefined || addresses.length === 0) return;
    const messages = addresses.map((address) => probeNeighbour({ index, address }));
    // One that fails is asked again with the next turn.
    await this.#context.session.use((port) => port.send(messages)).catch(() => undefined);
  }

  #tell(peers?: Iterable<string>): void {
    for (const listener of this.#listeners) listener(peers);
  }
}

function neighbourName(index: number, address: Address): string {
  return `${index} ${address}`;
}

function sameAnswer(a: RouteAnswer, b: RouteAnswer): boolean {
  return a.gateway === b.gateway && a.link === b.link && a.problem === b.problem;
}
