import { OverlayError } from '@overlay/core';
import type { KernelObject, Kind } from '@overlay/linux';
import { bpfError } from './bpf-object.js';
import type { OffloadName } from './native.js';
import type { UdpKernel } from './udp-kernel.js';

/** Offloads of a device of ours. */
export interface OffloadObject extends KernelObject {
  readonly kind: 'udp-offload';
  readonly link: string;
  readonly offloads: Readonly<Partial<Record<OffloadName, boolean>>>;
}

const ENODEV = 19;

/** What `ethtool -K` would set. A new device has the driver's choice, so they are set again each time it appears. */
export function offloadKind({ linux, native }: UdpKernel): Kind<OffloadObject> {
  const read = ({ link, offloads }: OffloadObject): OffloadObject | undefined => {
    try {
      const names = Object.keys(offloads) as OffloadName[];
      const found = names.map((name) => [name, native.getOffload(linux.netns, link, name)] as const);
      return { kind: 'udp-offload', link, offloads: Object.fromEntries(found) };
    } catch (error) {
      if ((error as { errno?: unknown }).errno === ENODEV) return undefined;
      throw bpfError(`reading the offloads of ${link}`, error);
    }
  };
  const write = ({ link, offloads }: OffloadObject): OverlayError | undefined => {
    if (!linux.links.byName(link)) return new OverlayError('OVERLAY_LINK_MISSING', `the device ${link} does not exist`);
    try {
      for (const [name, on] of Object.entries(offloads)) native.setOffload(linux.netns, link, name as OffloadName, on);
      return undefined;
    } catch (error) {
      return bpfError(`setting the offloads of ${link}`, error);
    }
  };
  const same = (a: OffloadObject, b: OffloadObject): boolean =>
    (Object.keys(b.offloads) as OffloadName[]).every((name) => a.offloads[name] === b.offloads[name]);
  return {
    name: 'udp-offload',
    rank: 1,
    key: ({ link }) => link,
    link: ({ link }) => link,
    same: (a, b) => same(a, b) && same(b, a),
    satisfies: same,
    async dump({ wanted, link }, each) {
      await linux.links.ready();
      for (const object of wanted()) {
        if (object.kind !== 'udp-offload' || (link !== undefined && (object as OffloadObject).link !== link)) continue;
        const found = read(object as OffloadObject);
        if (found) each(found);
      }
    },
    async put(wanted) {
      await linux.links.ready();
      return wanted.map(write);
    },
    // They go with their device.
    remove: (objects) => Promise.resolve(objects.map(() => undefined)),
    watch: (sink) =>
      linux.links.onChange(({ type, link: { name } }) => {
        if (type === 'gone') sink.linkGone(name);
        else if (type === 'appeared') sink.linkAppeared(name);
        else sink.suspect(name);
      }),
  };
}
