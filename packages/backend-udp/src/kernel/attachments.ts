import type { OverlayError } from '@overlay/core';
import type { KernelSession, NetlinkError } from '@overlay/linux';
import type { Direction, Filter } from '@overlay/linux/netlink';
import {
  decodeFilter,
  decodeQdisc,
  deleteClsact,
  deleteFilter,
  dumpFilters,
  dumpQdiscs,
  newClsact,
  newFilter,
  tryClsact,
} from '@overlay/linux/netlink';

export const DIRECTIONS: readonly Direction[] = ['egress', 'ingress'];
/**
 * Small, so that filters which end the matter (`action ok`) and were given no priority, which puts them at the end, come
 * after ours; not the smallest, so that there is room before it. The next one is taken where a foreign filter is.
 */
const PRIORITIES = [4, 3, 2, 5, 6, 7, 8, 9];
const HANDLE = 1;
/** Index of the device `lo`, which every network namespace has. */
const LOOPBACK = 1;
/** Follows our mark in the name of a filter for which the clsact qdisc was made. */
const MADE_QDISC = ' (with its qdisc)';

/** One of our programs at its place. */
export interface Attachment extends Filter {
  readonly program: number;
  /** The qdisc was made for it, and goes with it unless somebody else uses it by then. */
  readonly madeQdisc: boolean;
}

/** Our programs on the devices of a network namespace, as filters of clsact qdiscs that bear our mark as their name. */
export class Attachments {
  constructor(
    private readonly session: Pick<KernelSession, 'use' | 'send'>,
    private readonly alias: string,
  ) {}

  /** Why the kernel has no clsact qdisc; undefined if it has, or does not let us ask. Makes nothing. */
  async whyNone(signal: AbortSignal): Promise<NetlinkError | undefined> {
    // Not by `send`, which counts what changes the kernel.
    const failures = await this.session.use((port) => port.send([tryClsact(LOOPBACK)], { signal }));
    const refused = failures.get(0);
    return refused?.errnoName === 'ENOENT' ? refused : undefined;
  }

  /** Ours on one device, or on all. */
  async list(index: number | undefined, signal: AbortSignal): Promise<Attachment[]> {
    const found: Attachment[] = [];
    for (const device of index === undefined ? await this.#devices(signal) : [index]) {
      for (const direction of DIRECTIONS) {
        for (const filter of await this.#filters(device, direction, signal)) {
          const own = this.#own(filter);
          if (own) found.push(own);
        }
      }
    }
    return found;
  }

  /** Attaches an open program, in place of ours if one is there. Undefined, or why the kernel would not. */
  async attach(
    index: number,
    direction: Direction,
    fd: number,
    signal: AbortSignal,
  ): Promise<OverlayError | undefined> {
    const qdisc = await this.#send(newClsact(index), signal);
    if (qdisc && qdisc.errnoName !== 'EEXIST') return qdisc;
    const filters = await this.#filters(index, direction, signal);
    const own = filters.map((filter) => this.#own(filter)).find((filter) => filter !== undefined);
    const madeQdisc = own?.madeQdisc ?? (!qdisc || (await this.#madeQdisc(index, signal)));
    const key = own ?? {
      priority: PRIORITIES.find((priority) => filters.every((filter) => filter.priority !== priority)) ?? 10,
      handle: HANDLE,
    };
    const name = `${this.alias}${madeQdisc ? MADE_QDISC : ''}`;
    return this.#send(newFilter({ index, direction, priority: key.priority, handle: key.handle, fd, name }), signal);
  }

  /** Takes ours away, and its qdisc if that was made for ours and nothing is left in it. */
  async detach(attachment: Attachment, signal: AbortSignal): Promise<OverlayError | undefined> {
    const { index, madeQdisc } = attachment;
    const refused = await this.#send(deleteFilter(attachment), signal);
    if (refused && !GONE.has(refused.errnoName)) return refused;
    if (!madeQdisc) return undefined;
    for (const direction of DIRECTIONS)
      if ((await this.#filters(index, direction, signal)).length > 0) return undefined;
    const stays = await this.#send(deleteClsact(index), signal);
    return stays && !GONE.has(stays.errnoName) ? stays : undefined;
  }

  /** Whether nothing would be left in a device's qdisc without ours, and it was made for ours. */
  async canGo(index: number, signal: AbortSignal): Promise<boolean> {
    for (const direction of DIRECTIONS) {
      const filters = await this.#filters(index, direction, signal);
      if (filters.some((filter) => this.#own(filter)?.madeQdisc !== true)) return false;
    }
    return true;
  }

  /** Devices with a clsact qdisc. */
  async #devices(signal: AbortSignal): Promise<number[]> {
    const devices: number[] = [];
    await this.session.use((port) =>
      port.dump(
        dumpQdiscs(),
        (message) => {
          const { index, kind } = decodeQdisc(message);
          if (kind === 'clsact' || kind === 'ingress') devices.push(index);
        },
        { signal },
      ),
    );
    return devices;
  }

  async #filters(index: number, direction: Direction, signal: AbortSignal): Promise<Filter[]> {
    const filters: Filter[] = [];
    try {
      await this.session.use((port) =>
        port.dump(
          dumpFilters({ index, direction }),
          (message) => {
            const filter = decodeFilter(message);
            if (filter) filters.push(filter);
          },
          { signal },
        ),
      );
    } catch (error) {
      // The device went meanwhile.
      if (!GONE.has((error as NetlinkError).errnoName)) throw error;
    }
    return filters;
  }

  /** Whether another one of ours on the device says that its qdisc is ours. */
  async #madeQdisc(index: number, signal: AbortSignal): Promise<boolean> {
    return (await this.list(index, signal)).some(({ madeQdisc }) => madeQdisc);
  }

  #own(filter: Filter): Attachment | undefined {
    const { name, program } = filter;
    const { alias } = this;
    const madeQdisc = name === `${alias}${MADE_QDISC}`;
    return program !== undefined && (madeQdisc || name === alias) ? { ...filter, program, madeQdisc } : undefined;
  }

  async #send(message: Uint8Array, signal: AbortSignal): Promise<NetlinkError | undefined> {
    const failures = await this.session.send([message], { signal });
    for (const error of failures.values()) return error;
    return undefined;
  }
}

/** Errors that say that there is nothing there (any more). */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENODEV', 'EINVAL']);
