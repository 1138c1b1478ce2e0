import { OverlayError, systemClock } from '@overlay/core';
import type { Clock } from '@overlay/core';
import { CreationLimit, KernelError } from '@overlay/linux';
import type { Kind, Linux, Outcome } from '@overlay/linux';
import type { Engine, EngineObject } from './engine.js';

/** The kernel's name for a TUN device. */
export const TUN = 'tun';

const EINVAL = 22;
const EADDRINUSE = 98;
const EADDRNOTAVAIL = 99;
const ENOENT = 2;
const ENODEV = 19;

/**
 * The engine as something that is wanted: started when it is, and again when its device was deleted. It makes the device,
 * which outlives it; name, MTU and the rest of that are a link's as any other.
 */
export function engineKind(engine: Engine, linux: Linux, clock: Clock = systemClock): Kind<EngineObject> {
  const { links } = linux;
  const limit = new CreationLimit(clock);
  const put = async (wanted: EngineObject, signal: AbortSignal): Promise<Outcome> => {
    const link = await links.refresh(wanted.name, signal);
    if (link && link.kind !== TUN) {
      return new OverlayError(
        'OVERLAY_LINK_FOREIGN',
        `device ${wanted.name}: it is no TUN device; if nobody needs it, delete it: ip link del ${wanted.name}`,
      );
    }
    const contended = link ? undefined : limit.take(wanted.name);
    if (contended) return contended;
    try {
      engine.run(wanted);
    } catch (error) {
      if (!link) limit.refused(wanted.name);
      return startError(wanted, error);
    }
    // Nobody tells the table of links what this process did itself.
    await links.refresh(wanted.name, signal);
    return undefined;
  };
  return {
    name: 'udp-engine',
    rank: 0,
    key: ({ name }) => name,
    same: sameObject,
    satisfies: sameObject,
    dump(_filter, each) {
      const { running } = engine;
      if (running) each(running);
      return Promise.resolve();
    },
    async put(wanted, signal) {
      await links.ready();
      const outcomes: Outcome[] = [];
      for (const object of wanted) outcomes.push(await put(object, signal));
      return outcomes;
    },
    remove(objects) {
      engine.stop();
      return Promise.resolve(objects.map(() => undefined));
    },
    watch(sink) {
      return links.onChange(({ type, link }) => {
        const { current } = engine;
        if (type === 'gone' && current?.name === link.name) sink.deleted(current);
      });
    },
  };
}

function sameObject(a: EngineObject, b: EngineObject): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** What a person can do about it. */
function startError({ name, port, addresses }: EngineObject, cause: unknown): OverlayError {
  const { errno = 0, syscall = '' } = cause as { errno?: number; syscall?: string };
  const where = Object.values(addresses).join(' and ');
  const text = remedy();
  return new KernelError('OVERLAY_UDP_ENGINE', text, errno, cause);

  function remedy(): string {
    if (syscall === 'open(/dev/net/tun)') {
      const missing = errno === ENOENT || errno === ENODEV;
      return missing
        ? `device ${name}: this host has no /dev/net/tun; load the module tun, or give the container that device`
        : `device ${name}: /dev/net/tun cannot be opened (${String(cause)}); run as root, with CAP_NET_ADMIN`;
    }
    if (syscall === 'ioctl(TUNSETIFF)' && errno === EINVAL) {
      return `device ${name}: it was made by another program, as flanneld; stop that, or delete it: ip link del ${name}`;
    }
    if (syscall === 'bind' && errno === EADDRINUSE) {
      return `UDP port ${port} on ${where} is taken; stop what listens there (ss -lunp), or set Port`;
    }
    if (syscall === 'bind' && errno === EADDRNOTAVAIL)
      return `UDP port ${port}: ${where} is not an address of this host`;
    return `starting the UDP engine on ${name}: ${String(cause)}`;
  }
}
