import { describe, expect, test } from '@jest/globals';
import { vxlan } from '@overlay/backend-vxlan';
import type { Backend, LeaseAttributes } from '@overlay/core';
import { parseNetConf } from '@overlay/core';
import type { Linux } from '@overlay/linux';

/** A backend that is asked nothing for which it needs a kernel. */
function backend(options: object = {}, dual = false): Backend {
  const families = dual ? { EnableIPv6: true, IPv6Network: 'fd00::/48' } : {};
  const text = JSON.stringify({ Network: '10.244.0.0/16', ...families, Backend: { Type: 'vxlan', ...options } });
  return vxlan({ linux: {} as Linux }).create({ netConf: parseNetConf(text), hostId: 'h1' });
}

describe('what two hosts must have in common', () => {
  test.each([
    [{}, 'vxlan/1/8472'],
    [{ Port: 8472, MTU: 1400, Learning: true, DirectRouting: true }, 'vxlan/1/8472'],
    [{ VNI: 2 }, 'vxlan/2/8472'],
    [{ Port: 4789 }, 'vxlan/1/4789'],
    [{ GBP: true }, 'vxlan/1/8472/gbp'],
  ])('%j is %s', (options, id) => {
    expect(backend(options).endpointId).toBe(id);
  });
});

describe('what cannot be open at once', () => {
  test.each([
    [{}, { VNI: 2 }, undefined],
    [{}, { VNI: 2, Port: 4789 }, undefined],
    [{}, { VNI: 2, Port: 4789, GBP: true }, undefined],
    [{}, { Port: 4789 }, /device flannel\.1 cannot have two ports/],
    [{}, { GBP: true }, /device flannel\.1 cannot/],
    [{}, { VNI: 2, GBP: true }, /UDP port 8472 cannot be with and without GBP/],
  ])('%j beside %j', (before, after, why) => {
    const [old, next] = [backend(before), backend(after)];
    for (const answer of [next.whyNotBeside?.(old), old.whyNotBeside?.(next)]) {
      if (why === undefined) expect(answer).toBeUndefined();
      else expect(answer).toMatch(why);
    }
  });

  test('another type of backend can', () => {
    expect(backend().whyNotBeside?.({ type: 'host-gw' } as Backend)).toBeUndefined();
  });
});

describe('what flanneld publishes', () => {
  const data = (vni: unknown): unknown => ({ VNI: vni, VtepMAC: '02:00:00:00:00:01' });
  const attributes = (ipv4: unknown, ipv6?: unknown, backendType = 'vxlan'): LeaseAttributes =>
    ({
      backendType,
      ipv4: { publicIP: '192.0.2.1', data: ipv4 },
      ...(ipv6 !== undefined && { ipv6: { publicIP: 'fd77::1', data: ipv6 } }),
    }) as unknown as LeaseAttributes;

  test.each([
    ['the VNI', attributes(data(1)), true],
    ['another VNI', attributes(data(2)), false],
    ['no VNI', attributes(undefined), true],
    ['a VNI that is none', attributes(data('1')), true],
    ['the VNI in one family, another one in the other', attributes(data(1), data(2)), false],
    ['another type', attributes(data(1), undefined, 'VXLAN'), false],
  ])('with %s', (_, lease, understood) => {
    expect(backend({}, true).understands?.(lease)).toBe(understood);
  });
});
