import { OverlayError } from '@overlay/core';

/** What the reconciler keeps for one scope: its owners' objects, and counts of how they are. */
export class ScopeState {
  /** The names of each owner's objects as a flat list of kind, key, kind, key: one array for each peer, not four. */
  readonly owners = new Map<string, readonly string[]>();
  /** Objects wanted. */
  objects = 0;
  /** Objects not yet compared or written. */
  pending = 0;
  /** Objects refused by the kernel, kept from us, or without their device. */
  failed = 0;
  /** Removals not yet tried. */
  removing = 0;
  closed = false;

  constructor(readonly name: string) {}
}

/** The error of any call to something that has been closed. */
export function closedError(): OverlayError {
  return new OverlayError('OVERLAY_CLOSED', 'reconciler: it has been closed');
}
