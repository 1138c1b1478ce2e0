import { expect, test } from '@jest/globals';
import { OverlayError } from '@overlay/core';
import { HandClock } from '@overlay/core/testing';
import type { KindSink } from '@overlay/linux';
import { routeKind } from '../../dist/kernel/route-kind.js';
import type { UdpRouteObject } from '../../dist/kernel/route-kind.js';
import type { UdpKernel } from '../../dist/kernel/udp-kernel.js';

test('a map that cannot be read when it is looked at is read again, and looked at again', async () => {
  const clock = new HandClock();
  let fault: Error | undefined;
  const read = <T>(value: T): T => {
    if (fault) throw fault;
    return value;
  };
  const maps = {
    element: () => read(new Uint8Array(8)),
    digest: () => read(7n),
    dump: () => read({ keys: new Uint8Array(0), values: new Uint8Array(0), count: 0 }),
  };
  const kernel = { isOpen: true, ready: () => Promise.resolve(), maps } as unknown as UdpKernel;
  const kind = routeKind(kernel, clock);
  let lost = 0;
  const stop = kind.watch?.({ lost: () => (lost += 1) } as unknown as KindSink<UdpRouteObject>);
  const dump = (): Promise<void> => kind.dump({ wanted: () => [] }, () => undefined, new AbortController().signal);
  await dump();
  await clock.advance(7000);
  expect(lost).toBe(0);
  fault = new OverlayError('OVERLAY_BPF', 'reading the BPF map routes4: BPF_MAP_LOOKUP_BATCH (ENOMEM)');
  await clock.advance(7000);
  expect(lost).toBe(1);
  fault = undefined;
  await dump();
  await clock.advance(7000);
  expect({ lost, pending: clock.pending }).toEqual({ lost: 1, pending: 1 });
  stop?.();
  expect(clock.pending).toBe(0);
});
