import { OverlayError } from '@overlay/core';
import type { LinkTable } from '../kernel/link-table.js';
import type { KernelObject, KindSink } from '../reconciler/kind.js';

/** The outcome of an object whose device is not there: it waits. */
export function linkMissing(link: string): OverlayError {
  return new OverlayError('OVERLAY_LINK_MISSING', `the device ${link} does not exist`);
}

/** The outcome of an object whose device is down and that cannot be there before it is up: it waits as well. */
export function linkDown(link: string): OverlayError {
  return new OverlayError('OVERLAY_LINK_DOWN', `the device ${link} is down`);
}

/**
 * Reports what happens to devices to a kind whose objects live on them. Setting a device down, up, giving it another
 * MAC or putting it into a VRF takes objects with it of which no notification tells (net/ipv4/fib_frontend.c and net/core/neighbour.c), so the
 * device is read again.
 */
export function followLinks<D extends KernelObject>(links: LinkTable, sink: KindSink<D>): () => void {
  return links.onChange((change) => {
    const { name } = change.link;
    if (change.type === 'gone') sink.linkGone(name);
    else if (change.type === 'appeared') sink.linkAppeared(name);
    else if (
      change.before.up !== change.link.up ||
      change.before.lowerUp !== change.link.lowerUp ||
      change.before.mac !== change.link.mac ||
      change.before.masterIndex !== change.link.masterIndex ||
      change.before.mtu !== change.link.mtu
    ) {
      sink.suspect(name);
    }
  });
}
