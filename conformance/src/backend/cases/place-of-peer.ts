import type { Address, PerFamily } from '@overlay/core';
import type { BackendTestContext } from '../context.js';
import type { OverlayHost } from '../environment/overlay-host.js';
import { FAMILIES } from '@overlay/core';
import { until } from '../../suite/until.js';

/**
 * Looks which addresses of a peer a host's data path names. What it gives waits until those are named no more, and the new
 * ones are. A data path that knows its peers otherwise, by a MAC alone, names none, and there is nothing to wait for.
 */
export async function placeOfPeer(
  host: OverlayHost,
  was: PerFamily<Address>,
): Promise<(becomes: PerFamily<Address>, context: BackendTestContext) => Promise<void>> {
  const before = await host.view();
  return async (becomes, { timeouts }) => {
    for (const family of FAMILIES) {
      const [old, now] = [was[family], becomes[family]];
      if (old === undefined || now === undefined || !before.mentions(old)) continue;
      await until(`a peer sends to ${now}, and not to ${old}`, timeouts.healHost, async () => {
        const view = await host.view();
        return view.mentions(now) && !view.mentions(old);
      });
    }
  };
}
