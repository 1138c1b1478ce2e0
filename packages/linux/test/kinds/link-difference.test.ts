import { describe, expect, test } from '@jest/globals';
import { parseMac } from '@overlay/core';
import { compareLinks } from '../../dist/kinds/link-difference.js';
import type { LinkObject } from '../../dist/kinds/objects.js';

const wanted: LinkObject = {
  kind: 'link',
  name: 'mv0',
  type: 'macvlan',
  alias: 'overlay:default',
  mtu: 1500,
  mac: parseMac('02:00:00:00:00:01'),
  up: true,
  macvlan: { lower: 'eth0', mode: 'bridge' },
};

describe('a macvlan device', () => {
  test('as it is wanted is left alone', () => {
    expect(compareLinks(wanted, wanted)).toEqual({ verdict: 'equal' });
  });

  test('with another MTU is changed in place', () => {
    expect(compareLinks({ ...wanted, mtu: 1400 }, wanted)).toMatchObject({ verdict: 'change', changes: { mtu: 1500 } });
  });

  test('that somebody put into a bridge is taken out of it', () => {
    expect(compareLinks({ ...wanted, master: 'br0' }, wanted)).toEqual({
      verdict: 'change',
      reason: 'master is br0 instead of none',
      changes: { masterIndex: 0 },
    });
  });

  test.each([
    [{ lower: 'eth1', mode: 'bridge' } as const, 'it is bridge on eth1 instead of bridge on eth0'],
    [{ lower: 'eth0', mode: 'vepa' } as const, 'it is vepa on eth0 instead of bridge on eth0'],
    [undefined, 'it is of another mode instead of bridge on eth0'],
  ])('that is otherwise (%j) is made anew', (macvlan, reason) => {
    expect(compareLinks({ ...wanted, macvlan }, wanted)).toEqual({ verdict: 'recreate', reason });
  });

  test('without our alias is ours by the MAC, and else somebody else’s', () => {
    const unmarked = { ...wanted, alias: '' };
    expect(compareLinks(unmarked, wanted)).toMatchObject({ verdict: 'change', changes: { alias: wanted.alias } });
    const foreign = { ...unmarked, mac: parseMac('02:00:00:00:00:02') };
    expect(compareLinks(foreign, wanted)).toEqual({ verdict: 'foreign', reason: 'its alias is not set' });
  });
});
