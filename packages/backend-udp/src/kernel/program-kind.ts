import { OverlayError } from '@overlay/core';
import type { KernelObject, Kind, Linux } from '@overlay/linux';
import type { Direction } from '@overlay/linux/netlink';
import { decodeFilter, decodeQdisc, Group, MessageType } from '@overlay/linux/netlink';
import type { Attachment } from './attachments.js';
import type { ProgramConfig } from './layout.js';
import type { UdpKernel } from './udp-kernel.js';

/** A configuration with devices by name, as they are wanted before they exist. */
export type ProgramSettings = Omit<ProgramConfig, 'tunnel' | 'entry' | 'underlay'> & {
  readonly tunnel: string;
  readonly entry: string;
  readonly underlay: string;
};

/** One of our programs on a device. */
export interface ProgramObject extends KernelObject {
  readonly kind: 'udp-program';
  readonly link: string;
  readonly direction: Direction;
  /** Of one that is wanted. */
  readonly settings?: ProgramSettings;
  /** Of one that was found: its constants and maps as text, and where it is. */
  readonly content?: string;
  readonly attachment?: Attachment;
  /** Of one that was found beside another one of ours at the same place: how many came before it. */
  readonly surplus?: number;
}

/** Our programs on devices. They outlive this process; one that is detached or replaced is put back. */
export function programKind(kernel: UdpKernel): Kind<ProgramObject> {
  const { linux } = kernel;
  return {
    name: 'udp-program',
    rank: 3,
    key: ({ link, direction, surplus }) => `${direction} of ${link}${surplus === undefined ? '' : ` #${surplus}`}`,
    link: ({ link }) => link,
    same: (a, b) => JSON.stringify(a) === JSON.stringify(b),
    satisfies: (actual, wanted) => {
      const config = wanted.settings && resolve(linux, wanted.settings);
      return config !== undefined && !('missing' in config) && actual.content === kernel.contentOf(config);
    },
    async dump({ link }, each, signal) {
      await linux.links.ready();
      await kernel.ready(signal);
      const index = link === undefined ? undefined : linux.links.byName(link)?.index;
      if (link !== undefined && index === undefined) return;
      const places = new Map<string, number>();
      for (const attachment of await kernel.attachments.list(index, signal)) {
        const name = linux.links.byIndex(attachment.index)?.name;
        if (name === undefined) continue;
        const place = `${attachment.index} ${attachment.direction}`;
        const before = places.get(place) ?? 0;
        places.set(place, before + 1);
        each({
          kind: 'udp-program',
          link: name,
          direction: attachment.direction,
          content: kernel.contentOfProgram(attachment.program),
          attachment,
          ...(before === 0 ? {} : { surplus: before }),
        });
      }
    },
    async put(wanted, signal) {
      await linux.links.ready();
      await kernel.ready(signal);
      const outcomes: (OverlayError | undefined)[] = [];
      for (const object of wanted) outcomes.push(await put(kernel, object, signal));
      return outcomes;
    },
    async remove(objects, signal) {
      const outcomes: (OverlayError | undefined)[] = [];
      for (const { link, direction, attachment, surplus } of objects) {
        const index = linux.links.byName(link)?.index;
        if (index === undefined) {
          outcomes.push(undefined);
          continue;
        }
        // One that was wanted is not known by its place, nor is it certain that it is still where it was found.
        const here = (await kernel.attachments.list(index, signal)).filter((each) => each.direction === direction);
        const gone = surplus === undefined ? here : here.filter((each) => each.program === attachment?.program);
        let refused: OverlayError | undefined;
        for (const each of gone) refused ??= await kernel.attachments.detach(each, signal);
        outcomes.push(refused);
      }
      return outcomes;
    },
    watch(sink) {
      const events = linux.follow([Group.trafficControl]);
      const stops = [
        events.listen({
          message: (message) => {
            const index = deviceOf(message);
            const name = index === undefined ? undefined : linux.links.byIndex(index)?.name;
            if (name !== undefined) sink.suspect(name);
          },
          lost: () => sink.lost(),
        }),
        linux.links.onChange((change) => {
          const { name } = change.link;
          if (change.type === 'gone') sink.linkGone(name);
          else if (change.type === 'appeared') {
            sink.linkAppeared(name);
            // What is on other devices names this one by its index, which is another one now. Not to be left to a read:
            // one of them may be waiting for this very device, and not be looked at.
            if (kernel.names.has(name)) kernel.names.forEach((other) => sink.linkAppeared(other));
          }
        }),
        () => events.close(),
      ];
      return () => stops.forEach((stop) => stop());
    },
  };
}

async function put(kernel: UdpKernel, object: ProgramObject, signal: AbortSignal): Promise<OverlayError | undefined> {
  const { linux } = kernel;
  const index = linux.links.byName(object.link)?.index;
  if (index === undefined) return missing(object.link);
  if (!object.settings) return undefined;
  const config = resolve(linux, object.settings);
  if ('missing' in config) return missing(config.missing);
  let fd: number;
  try {
    fd = kernel.load(object.direction, config);
  } catch (error) {
    if (error instanceof OverlayError) return error;
    throw error;
  }
  try {
    return await kernel.attachments.attach(index, object.direction, fd, signal);
  } finally {
    kernel.closeProgram(fd);
  }
}

function resolve(linux: Linux, settings: ProgramSettings): ProgramConfig | { readonly missing: string } {
  const { links } = linux;
  const indices = { tunnel: 0, entry: 0, underlay: 0 };
  for (const role of ['tunnel', 'entry', 'underlay'] as const) {
    const link = links.byName(settings[role]);
    if (!link) return { missing: settings[role] };
    indices[role] = link.index;
  }
  return { ...settings, ...indices };
}

function missing(link: string): OverlayError {
  return new OverlayError('OVERLAY_LINK_MISSING', `the device ${link} does not exist`);
}

/** The device on which traffic control changed. */
function deviceOf(message: Parameters<typeof decodeQdisc>[0]): number | undefined {
  switch (message.type) {
    case MessageType.newQdisc:
    case MessageType.deleteQdisc:
      return decodeQdisc(message).index;
    case MessageType.newFilter:
    case MessageType.deleteFilter:
      return decodeFilter(message)?.index ?? decodeQdisc(message).index;
    default:
      return undefined;
  }
}
