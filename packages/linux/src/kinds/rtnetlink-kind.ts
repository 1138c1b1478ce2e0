import type { KernelEvents } from '../kernel/events.js';
import type { NetlinkMessage } from '../netlink/message.js';
import type { DumpFilter, Kind, KernelObject, Shadow, Sighting } from '../reconciler/kind.js';
import type { ObjectIndex } from '../reconciler/object-index.js';
import { ReadSighting } from '../reconciler/read-sighting.js';
import type { BatchContext, Encode } from './batch.js';
import { sendBatch } from './batch.js';
import { followLinks } from './on-link.js';

/** An object as a message tells of it. */
export interface Told<D> {
  readonly object: D;
  /** False for one that is there but not as we make them, so that to us it is not there. */
  readonly counts: boolean;
}

/** A sighting that moves from message to message. */
export interface MessageSighting<D extends KernelObject> extends Sighting<D> {
  /** Takes a message; false, if it has to be read to be understood: it does not tell of an object such as we make them. */
  at(message: NetlinkMessage): boolean;
}

/** What one kind of object on devices has of its own. */
export interface RtnetlinkKindSpec<D extends KernelObject & { readonly link: string }> {
  readonly name: string;
  readonly rank: number;
  readonly echoes?: boolean;
  readonly key: (object: D) => string;
  readonly index: ObjectIndex<D>;
  readonly same: (a: D, b: D) => boolean;
  readonly satisfies: (actual: D, wanted: D) => boolean;
  readonly breadth?: (object: D) => number;
  readonly shadows?: (actual: D) => Shadow<D> | undefined;
  /** Message types that tell of one that is there, and of one that is gone. */
  readonly types: { readonly present: number; readonly gone: number };
  readonly read: (message: NetlinkMessage) => Told<D> | undefined;
  /** Makes what looks at the messages of one dump. */
  readonly sighting?: () => MessageSighting<D>;
  /** The requests that read all of them, or those of one device. */
  readonly dumps: (linkIndex: number | undefined) => readonly Uint8Array[];
  readonly encodePut: Encode<D>;
  readonly encodeRemove: Encode<D>;
  /** The device on which something changed that these objects may depend on. */
  readonly suspects?: (message: NetlinkMessage) => string | undefined;
}

/** Makes a kind of what is on devices and spoken of in rtnetlink. */
export function rtnetlinkKind<D extends KernelObject & { readonly link: string }>(
  context: BatchContext,
  events: KernelEvents,
  spec: RtnetlinkKindSpec<D>,
): Kind<D> {
  const { session, links } = context;
  const scan = async (
    { link }: DumpFilter,
    each: (sighting: Sighting<D>) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    // Asked for in the turn of whoever wants it: the kernel lists while that one goes on.
    if (!links.isReady) await links.ready();
    const index = link === undefined ? undefined : links.byName(link)?.index;
    if (link !== undefined && index === undefined) return;
    const sighting = spec.sighting?.();
    const take = (message: NetlinkMessage): void => {
      if (message.type !== spec.types.present) return;
      if (sighting?.at(message)) return each(sighting);
      const told = spec.read(message);
      if (told?.counts) each(new ReadSighting(spec, spec.index, told.object));
    };
    for (const request of spec.dumps(index)) await session.use((port) => port.dump(request, take, { signal }));
  };
  return {
    name: spec.name,
    rank: spec.rank,
    echoes: spec.echoes ?? false,
    key: spec.key,
    index: spec.index,
    link: ({ link }) => link,
    same: spec.same,
    satisfies: spec.satisfies,
    ...(spec.breadth ? { breadth: spec.breadth } : {}),
    ...(spec.shadows ? { shadows: spec.shadows } : {}),
    scan,
    dump: (filter, each, signal) => scan(filter, (sighting) => each(sighting.read()), signal),
    put: (wanted, signal) => sendBatch(context, wanted, spec.encodePut, { signal }),
    remove: (objects, signal) => sendBatch(context, objects, spec.encodeRemove, { signal, removing: true }),
    watch(sink) {
      const stops = [
        followLinks(links, sink),
        events.listen({
          message: (message) => {
            const suspect = spec.suspects?.(message);
            if (suspect !== undefined) sink.suspect(suspect);
            if (message.type !== spec.types.present && message.type !== spec.types.gone) return;
            const told = spec.read(message);
            if (!told) return;
            if (message.type === spec.types.present && told.counts) sink.changed(told.object);
            else sink.deleted(told.object);
          },
          lost: () => sink.lost(),
        }),
      ];
      return () => stops.forEach((stop) => stop());
    },
  };
}
