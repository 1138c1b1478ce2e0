import { OverlayError } from '@overlay/core';
import type { Clock } from '@overlay/core';
import type { LinkTable } from '../kernel/link-table.js';
import type { KernelSession } from '../kernel/session.js';
import type { KernelEvents } from '../kernel/events.js';
import type { Link, LinkChanges } from '../netlink/rtnetlink/link.js';
import type { SendFailures } from '../netlink/port.js';
import { deleteLink, newLink, setLink } from '../netlink/rtnetlink/link.js';
import type { Kind, Outcome } from '../reconciler/kind.js';
import { CreationLimit } from './creation-limit.js';
import { compareLinks } from './link-difference.js';
import type { LinkObject } from './objects.js';
import { linkMissing } from './on-link.js';

/** The kernel's name for TUN and TAP devices, which only their program can make (linux/if_tun.h). */
const TUN = 'tun';

/** What the kind of devices works with. */
export interface LinkKindContext {
  readonly session: KernelSession;
  readonly links: LinkTable;
  readonly events: KernelEvents;
  readonly clock: Clock;
}

/** Devices of our own. One is mended in place where the kernel can, and made anew only where it must be. */
export function linkKind(context: LinkKindContext): Kind<LinkObject> {
  const { links, events } = context;
  const maker = new LinkMaker(context);
  const toObject = (link: Link): LinkObject => linkObject(link, links);
  return {
    name: 'link',
    rank: 0,
    key: ({ name }) => name,
    // The kernel deletes these devices with the interface that carries them. A TUN device waits for itself.
    link: (object) => lowerOf(object) ?? (object.type === TUN ? object.name : undefined),
    same: (a, b) => JSON.stringify(a) === JSON.stringify(b),
    satisfies: (actual, wanted) => compareLinks(actual, wanted).verdict === 'equal',
    async dump({ wanted }, each) {
      // Not what the table holds: if a notification went astray, it would hide that for ever.
      await links.reread();
      for (const object of wanted()) if (object.kind === 'link') maker.know((object as LinkObject).name);
      for (const link of links.all()) each(toObject(link));
    },
    async put(wanted, signal) {
      await links.ready();
      const outcomes: Outcome[] = [];
      for (const object of wanted) outcomes.push(await maker.put(object, signal));
      return outcomes;
    },
    async remove(objects, signal) {
      const outcomes: Outcome[] = [];
      for (const { name } of objects) outcomes.push(await maker.remove(name, signal));
      return outcomes;
    },
    watch(sink) {
      const stops = [
        links.onChange((change) => {
          const { link, fresh } = change;
          // What a write has read itself, its outcome tells; taken for a change, a refused one would be tried at once, for ever.
          const own = fresh && maker.isWriting(link.name);
          if (change.type === 'gone') {
            if (!own) sink.deleted(toObject(link));
            sink.linkGone(link.name);
            return;
          }
          // Judged by a notification, our own change in several steps would look like somebody else's.
          if (!fresh) maker.look(link.name);
          else if (!own) sink.changed(toObject(link));
          if (change.type === 'appeared') sink.linkAppeared(link.name);
        }),
        events.listen({ message: () => undefined, lost: () => sink.lost() }),
      ];
      return () => stops.forEach((stop) => stop());
    },
  };
}

/** The interface that carries a device. */
function lowerOf({ vxlan, macvlan }: LinkObject): string | undefined {
  return vxlan?.lower ?? macvlan?.lower;
}

/** A device as the kernel has it, in the terms of what is wanted. */
export function linkObject(link: Link, links: LinkTable): LinkObject {
  const { vxlan } = link;
  const lower = vxlan?.lowerIndex === undefined ? undefined : links.byIndex(vxlan.lowerIndex)?.name;
  const peer = link.kind === 'veth' ? (carrierOf(link, links)?.name ?? '') : undefined;
  return {
    kind: 'link',
    name: link.name,
    type: link.kind ?? '',
    alias: link.alias ?? '',
    mtu: link.mtu,
    mac: (link.mac ?? '') as LinkObject['mac'],
    up: link.up,
    ...(link.noArp ? { noArp: true } : {}),
    ...(link.masterIndex === undefined ? {} : { master: links.byIndex(link.masterIndex)?.name ?? '?' }),
    ...(peer === undefined ? {} : { veth: { peer } }),
    ...(link.macvlanMode ? { macvlan: { lower: carrierOf(link, links)?.name ?? '', mode: link.macvlanMode } } : {}),
    ...(vxlan
      ? {
          vxlan: {
            vni: vxlan.vni,
            port: vxlan.port,
            local: vxlan.local ?? ('' as NonNullable<typeof vxlan.local>),
            lower: lower ?? '',
            learning: vxlan.learning,
            gbp: vxlan.gbp,
          },
        }
      : {}),
  };
}

/** The other end of a veth, or what a device is on; undefined while that is in another network namespace. */
function carrierOf({ lowerIndex, lowerNetnsId }: Link, links: LinkTable): Link | undefined {
  return lowerIndex === undefined || lowerNetnsId !== undefined ? undefined : links.byIndex(lowerIndex);
}

class LinkMaker {
  readonly #limit: CreationLimit;
  /** Devices that were wanted at some time; all others are looked at by notifications alone. */
  readonly #known = new Set<string>();
  readonly #looking = new Map<string, 'once' | 'again'>();
  #writing: string | undefined;

  constructor(private readonly context: LinkKindContext) {
    this.#limit = new CreationLimit(context.clock);
  }

  know(name: string): void {
    this.#known.add(name);
  }

  /** Reads a device of ours as it is now, which the link table then tells. */
  look(name: string): void {
    if (!this.#known.has(name)) return;
    if (this.#looking.has(name)) {
      this.#looking.set(name, 'again');
      return;
    }
    this.#looking.set(name, 'once');
    const done = (): void => {
      const again = this.#looking.get(name) === 'again';
      this.#looking.delete(name);
      if (again) this.look(name);
    };
    // If it cannot be read now, the next comparison of everything does.
    this.context.links.refresh(name).then(done, () => this.#looking.delete(name));
  }

  /** Whether a device is being written at present. */
  isWriting(name: string): boolean {
    return this.#writing === name;
  }

  async put(wanted: LinkObject, signal: AbortSignal): Promise<Outcome> {
    this.#writing = wanted.name;
    try {
      return await this.#put(wanted, signal);
    } finally {
      this.#writing = undefined;
    }
  }

  async #put(wanted: LinkObject, signal: AbortSignal): Promise<Outcome> {
    const { links } = this.context;
    this.#known.add(wanted.name);
    const carrier = lowerOf(wanted);
    const lower = carrier === undefined ? undefined : links.byName(carrier);
    if (carrier !== undefined && !lower) return linkMissing(carrier);
    // What notifications told may be older than a change of our own.
    const found = await links.refresh(wanted.name, signal);
    if (!found) return this.#create(wanted, lower?.index, signal);
    const difference = compareLinks(linkObject(found, links), wanted);
    if (difference.verdict === 'equal') return undefined;
    if (difference.verdict === 'foreign') {
      return new OverlayError(
        'OVERLAY_LINK_FOREIGN',
        `device ${wanted.name}: ${difference.reason}, and is not ours; rename or delete it: ip link del ${wanted.name}`,
      );
    }
    if (difference.verdict === 'recreate') {
      const refused = await this.remove(wanted.name, signal);
      return refused ?? this.#create(wanted, lower?.index, signal);
    }
    return this.#change(wanted, difference.changes, lower?.index, signal);
  }

  async remove(name: string, signal: AbortSignal): Promise<Outcome> {
    const outcome = await this.#send([deleteLink(name)], signal);
    await this.context.links.refresh(name, signal);
    return outcome?.errnoName === 'ENODEV' ? undefined : outcome;
  }

  async #create(wanted: LinkObject, lowerIndex: number | undefined, signal: AbortSignal): Promise<Outcome> {
    if (wanted.type === TUN) return linkMissing(wanted.name);
    const contended = this.#limit.take(wanted.name);
    if (contended) return contended;
    const { name, type, alias, mtu, mac, up, noArp, vxlan, macvlan, veth } = wanted;
    const messages = newLink({
      name,
      kind: type,
      alias,
      mtu,
      mac,
      up,
      ...(noArp === undefined ? {} : { noArp }),
      ...(veth ? { peer: { name: veth.peer } } : {}),
      ...(macvlan && lowerIndex !== undefined ? { macvlan: { lowerIndex, mode: macvlan.mode } } : {}),
      ...(vxlan
        ? {
            vxlan: {
              vni: vxlan.vni,
              port: vxlan.port,
              local: vxlan.local,
              learning: vxlan.learning,
              gbp: vxlan.gbp,
              ...(lowerIndex === undefined ? {} : { lowerIndex }),
            },
          }
        : {}),
    });
    const failures = await this.context.session.send(messages, { signal });
    // The first message makes it; what comes behind it fails, too, where somebody deletes it in between.
    if (failures.has(0)) this.#limit.refused(name);
    const outcome = firstOf(failures);
    // The other end has to be known, to tell whether it is the right one.
    if (veth && !outcome) await this.context.links.refresh(veth.peer, signal);
    return this.#check(wanted, outcome, signal);
  }

  async #change(
    wanted: LinkObject,
    changes: LinkChanges,
    lowerIndex: number | undefined,
    signal: AbortSignal,
  ): Promise<Outcome> {
    // The kernel takes a VXLAN device's attributes only together with its VNI (vxlan_nl2conf).
    const { vxlan, ...rest } = changes;
    const messages: Uint8Array[] = [];
    if (vxlan && wanted.vxlan) {
      const { vni } = wanted.vxlan;
      messages.push(
        setLink(wanted.name, { vxlan: { ...vxlan, vni, ...(lowerIndex === undefined ? {} : { lowerIndex }) } }),
      );
    }
    if (Object.keys(rest).length > 0) messages.push(setLink(wanted.name, rest));
    const outcome = await this.#send(messages, signal);
    return this.#check(wanted, outcome, signal);
  }

  /** Reads the device back: no notification tells us of our own changes, and the kernel may have done less. */
  async #check(wanted: LinkObject, outcome: Outcome, signal: AbortSignal): Promise<Outcome> {
    const { links } = this.context;
    const found = await links.refresh(wanted.name, signal);
    if (outcome) return outcome;
    if (!found) return linkMissing(wanted.name);
    const difference = compareLinks(linkObject(found, links), wanted);
    if (difference.verdict === 'equal') return undefined;
    return new OverlayError(
      'OVERLAY_LINK_REFUSED',
      `device ${wanted.name}: the kernel accepted the change and did not make it: ${difference.reason}`,
    );
  }

  async #send(messages: readonly Uint8Array[], signal: AbortSignal) {
    return firstOf(await this.context.session.send(messages, { signal }));
  }
}

function firstOf(failures: SendFailures) {
  for (const error of failures.values()) return error;
  return undefined;
}
