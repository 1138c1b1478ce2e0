import type { Clock } from '@overlay/core';
import { OverlayError } from '@overlay/core';
import type { DumpFilter, KernelObject, Kind, KindSink, Outcome } from '@overlay/linux';

/** A thing with a value, on a device or not. */
export interface Thing extends KernelObject {
  readonly kind: string;
  readonly id: string;
  readonly value: number;
  readonly link?: string;
  /** Bears our mark. */
  readonly mine?: boolean;
  /** Somebody else's, which must not be overwritten. */
  readonly foreign?: boolean;
}

export type Fault = 'put refused' | 'put throws' | 'remove refused' | 'remove throws' | 'dump throws';

/** A kernel in memory for one kind of thing: what it holds, what it refuses, and what it was asked to do. */
export class MemoryKernel {
  readonly things = new Map<string, Thing>();
  readonly log: string[] = [];
  readonly links = new Set<string>();
  /** Faults still to happen, in order. */
  readonly faults: Fault[] = [];
  /** While true, changes behind the reconciler's back are not reported. */
  deaf = false;
  #sink: KindSink<Thing> | undefined;

  constructor(
    readonly name = 'thing',
    readonly rank = 1,
  ) {}

  /** Changes something behind the reconciler's back. */
  tamper(thing: Thing): void {
    this.things.set(thing.id, thing);
    if (!this.deaf) this.#sink?.changed(thing);
  }

  /** Deletes something behind the reconciler's back. */
  destroy(id: string): void {
    const thing = this.things.get(id);
    if (!thing) return;
    this.things.delete(id);
    if (!this.deaf) this.#sink?.deleted(thing);
  }

  addLink(name: string): void {
    this.links.add(name);
    this.#sink?.linkAppeared(name);
  }

  deleteLink(name: string): void {
    this.links.delete(name);
    for (const [id, thing] of this.things) if (thing.link === name) this.things.delete(id);
    this.#sink?.linkGone(name);
  }

  lose(): void {
    this.#sink?.lost();
  }

  suspect(link: string): void {
    this.#sink?.suspect(link);
  }

  readonly kind = (): Kind => this.#kind();

  #kind(): Kind<Thing> {
    return {
      name: this.name,
      rank: this.rank,
      key: ({ id }) => id,
      link: ({ link }) => link,
      same: (a, b) => a.value === b.value,
      satisfies: (actual, wanted) => actual.value === wanted.value,
      shadows: (actual) => {
        const message = (): string => `${actual.id} is in the way`;
        if (actual.foreign) return { candidates: () => [actual], keeps: () => true, message };
        const { id } = actual;
        return id.startsWith('shadow ') ? { candidates: () => [{ ...actual, id: id.slice(7) }], message } : undefined;
      },
      dump: async ({ link }: DumpFilter, each) => {
        await Promise.resolve();
        this.log.push(`dump${link === undefined ? '' : ` ${link}`}`);
        if (this.#next('dump throws')) throw new OverlayError('OVERLAY_NETLINK_INTERRUPTED', 'the dump was disturbed');
        for (const thing of this.things.values()) if (link === undefined || thing.link === link) each(thing);
      },
      put: async (wanted) => {
        await Promise.resolve();
        if (this.#next('put throws')) throw new OverlayError('OVERLAY_CLOSED', 'the socket is closed');
        return wanted.map((thing) => this.#put(thing));
      },
      remove: async (objects) => {
        await Promise.resolve();
        if (this.#next('remove throws')) throw new OverlayError('OVERLAY_CLOSED', 'the socket is closed');
        return objects.map(({ id }) => {
          this.log.push(`remove ${id}`);
          if (this.#next('remove refused')) return new OverlayError('OVERLAY_NETLINK', `removing ${id}: busy (EBUSY)`);
          this.things.delete(id);
          return undefined;
        });
      },
      watch: (sink) => {
        this.#sink = sink;
        return () => {
          this.#sink = undefined;
        };
      },
    };
  }

  #put(thing: Thing): Outcome {
    this.log.push(`put ${thing.id}=${thing.value}`);
    if (thing.link !== undefined && !this.links.has(thing.link)) {
      return new OverlayError('OVERLAY_LINK_MISSING', `no device ${thing.link}`);
    }
    if (this.#next('put refused')) return new OverlayError('OVERLAY_NETLINK', `adding ${thing.id}: busy (EBUSY)`);
    this.things.set(thing.id, thing);
    return undefined;
  }

  #next(fault: Fault): boolean {
    if (this.faults[0] !== fault) return false;
    this.faults.shift();
    return true;
  }
}

/** A clock that moves only when told. */
export class HandClock implements Clock {
  /** Far from what the wall clock says, so that who confuses the two is found out. */
  #elapsed = 5_000;
  #epoch = 995_000;
  readonly #timers = new Set<{ at: number; action: () => void }>();

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Somebody sets the wall clock so many milliseconds forwards, or back if negative. No time passes. */
  step(ms: number): void {
    this.#epoch += ms;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.#elapsed + ms, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass, timer by timer, and whatever they start run to its end. */
  async pass(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    for (;;) {
      await quiet();
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.#timers.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.action();
    }
    this.#elapsed = end;
    await quiet();
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export const thing = (id: string, value = 1, link?: string): Thing => ({
  kind: 'thing',
  id,
  value,
  ...(link === undefined ? {} : { link }),
});
