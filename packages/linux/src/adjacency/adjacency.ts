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
import type { NeighbourState } from '../netlink/rtnetlink/neighbour-message.js';
import type { PeerWatch } from '../network/design.js';
import { OnLink } from './on-link.js';
import { ProbeRounds } from './probe-rounds.js';
import { Resolution } from './resolution.js';
import { RouteLookups } from './route-lookups.js';
import { UnderlayChanges } from './underlay-changes.js';
import { DIRECT, judgeRoute } from './verdict.js';
import type { Verdict } from './verdict.js';

/** Changes of routes and addresses come in bursts. */
const SETTLE_MS = 50;
/** How often addresses that do not answer are asked again. */
const DOUBT_MS = 1000;
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
  readonly #lookups: RouteLookups;
  readonly #resolution = new Resolution();
  readonly #rounds = new ProbeRounds(this.#resolution, PROBES_A_TURN);
  readonly #listeners = new Set<(peers?: Iterable<string>) => void>();
  readonly #onLink = new Map<string, OnLink>();
  /** What the kernel knows of all neighbours, by device and address; kept only where it matters. */
  readonly #states = new Map<string, NeighbourState>();
  readonly #stops: (() => void)[] = [];
  #via: Host['interface'] | undefined;
  #cancelSettle: (() => void) | undefined;
  #cancelProbe: (() => void) | undefined;
  /** What has been heard since everything was judged last. */
  #changes = new UnderlayChanges();
  #announced = FEW_NEIGHBOURS;
  #announcing = false;
  #closed = false;

  private constructor(context: AdjacencyContext) {
    this.#context = context;
    this.#lookups = new RouteLookups({
      ...context,
      wanted: (address) => this.#users.has(address),
      changed: (addresses) => this.#tell(new Set(addresses.flatMap((address) => [...this.#usersOf(address)]))),
    });
    this.#stops.push(
      context.events.listen({
        message: (message) => this.#heard(message),
        lost: () => {
          this.#changes.everything();
          this.#soon();
        },
      }),
    );
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
    this.#lookups.close();
    for (const stop of this.#stops) stop();
    this.#listeners.clear();
  }

  #byRoute(address: Address, via: Host['interface']): Verdict | undefined {
    if (this.#onLink.get(via.name)?.has(address)) return judgeRoute(address, { link: via.name }, via);
    const answer = this.#lookups.answer(address);
    if (answer) return judgeRoute(address, answer, via);
    this.#lookups.want(address);
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
    this.#lookups.forget(address);
    this.#resolution.unfollow(address);
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
        this.#heardAddress(message);
        break;
      case MessageType.newRoute:
      case MessageType.deleteRoute:
        this.#heardRoute(message);
        break;
      case MessageType.newNeighbour:
      case MessageType.deleteNeighbour:
        if (this.#context.confirmed) this.#heardNeighbour(message);
        break;
    }
  }

  #heardAddress(message: NetlinkMessage): void {
    const found = decodeAddress(message);
    if (found === undefined) return;
    this.#changes.prefix(makePrefix(found.address, found.prefixLength));
    if (found.peer !== undefined) this.#changes.prefix(makePrefix(found.peer, found.prefixLength));
    if (message.type === MessageType.deleteAddress) this.#changes.lostAddress(found.index);
    this.#soon();
  }

  #heardRoute(message: NetlinkMessage): void {
    const route = decodeRoute(message);
    if (route?.protocol === this.#context.routeProtocol) return;
    if (route === undefined) this.#changes.everything();
    else this.#changes.prefix(route.destination);
    this.#soon();
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

  /** Judges again what has changed, once things have calmed down. */
  #soon(): void {
    if (this.#cancelSettle || this.#closed) return;
    this.#cancelSettle = this.#context.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined;
      void this.#again();
    });
  }

  async #again(): Promise<void> {
    const changes = this.#changes;
    this.#changes = new UnderlayChanges();
    const before = this.#described();
    try {
      await this.#readPrefixes();
    } catch {
      // The kernel cannot be asked now.
      this.#changes.add(changes);
      return this.#soon();
    }
    if (this.#closed) return;
    if (this.#described() !== before) this.#tell();
    await this.#lookups.review(changes);
  }

  /** The prefixes by which verdicts were given: those of other interfaces, as of pods, say nothing. */
  #described(): string {
    const { name = '' } = this.#via ?? {};
    return String(this.#onLink.get(name)?.prefixes);
  }

  #scheduleProbes(): void {
    if (this.#cancelProbe || this.#closed || !this.#context.confirmed) return;
    this.#cancelProbe = this.#context.clock.after(DOUBT_MS, () => {
      this.#cancelProbe = undefined;
      void this.#probe(this.#rounds.next(this.#context.clock.elapsed()));
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
