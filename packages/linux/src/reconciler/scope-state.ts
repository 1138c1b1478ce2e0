import { OverlayError } from '@overlay/core';

/** What the reconciler keeps for one scope: counts of how its owners' objects are. */
export class ScopeState {
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
