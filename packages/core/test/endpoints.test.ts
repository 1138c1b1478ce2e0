import { describe, expect, test } from '@jest/globals';
import type { Backend, Lease, LeaseAttributes } from '@overlay/core';
import { LeaseTable, parseNetConf } from '@overlay/core';
import { attributesWith, endpointFor, leadsWith, leaseAs } from '../dist/endpoints.js';

const VXLAN = { publicIP: '192.0.2.1', data: { VNI: 1, VtepMAC: '02:00:00:00:00:01' } };
const DIRECT = { publicIP: '192.0.2.1' };
const BOTH = {
  backendType: 'vxlan',
  ipv4: VXLAN,
  endpoints: [
    { id: 'host-gw', backendType: 'host-gw', ipv4: DIRECT },
    { id: 'vxlan/1/8472', backendType: 'vxlan', ipv4: VXLAN },
  ],
};

const lease = (attributes: unknown): Lease =>
  ({ key: 'n1', subnets: { ipv4: '10.244.1.0/24' }, attributes }) as unknown as Lease;

/** As much of a backend as these functions look at. */
const backend = (type: string, endpointId = type): Backend => ({ type, endpointId }) as unknown as Backend;
const hostGw = backend('host-gw');
const vxlan = backend('vxlan', 'vxlan/1/8472');

describe('a lease as a backend reads it', () => {
  test('is the lease itself while it has one endpoint, of that type', () => {
    const plain = lease({ backendType: 'vxlan', ipv4: VXLAN });
    expect(leaseAs(plain, vxlan)).toBe(plain);
    expect(leaseAs(plain, hostGw)).toBeUndefined();
  });

  test('is the one of its id among several', () => {
    expect(leaseAs(lease(BOTH), hostGw)).toEqual(lease({ backendType: 'host-gw', ipv4: DIRECT }));
    expect(leaseAs(lease(BOTH), vxlan)).toEqual(lease({ backendType: 'vxlan', ipv4: VXLAN }));
    expect(leaseAs(lease(BOTH), backend('vxlan', 'vxlan/1/4789'))).toBeUndefined();
  });

  test('is the primary one when that is not among those listed', () => {
    const { endpoints, ...primary } = BOTH;
    const odd = lease({ ...primary, endpoints: endpoints.slice(0, 1) });
    expect(leaseAs(odd, vxlan)).toEqual(lease(primary));
  });

  test('has the families that the lease still has', () => {
    const dual = { id: 'host-gw', backendType: 'host-gw', ipv4: DIRECT, ipv6: { publicIP: 'fd00::1' } };
    expect(leaseAs(lease({ ...BOTH, endpoints: [dual] }), hostGw)?.attributes).toEqual({
      backendType: 'host-gw',
      ipv4: DIRECT,
    });
  });

  test('leads by the primary one', () => {
    expect([leadsWith(lease(BOTH), vxlan), leadsWith(lease(BOTH), hostGw)]).toEqual([true, false]);
    expect(leadsWith(lease(BOTH), backend('vxlan', 'vxlan/1/4789'))).toBe(false);
    expect(leadsWith(lease({ backendType: 'vxlan', ipv4: VXLAN }), vxlan)).toBe(true);
  });

  test('is put together from what backends publish', () => {
    const [direct, tunnel] = [
      { backendType: 'host-gw', ipv4: DIRECT },
      { backendType: 'vxlan', ipv4: VXLAN },
    ] as unknown as [LeaseAttributes, LeaseAttributes];
    const endpoints = [endpointFor(hostGw, direct), endpointFor(vxlan, tunnel)];
    expect(attributesWith(tunnel, endpoints)).toEqual(BOTH);
    expect(attributesWith(tunnel, endpoints.slice(1))).toBe(tunnel);
  });
});

describe('endpoints that nobody has checked', () => {
  const [direct, tunnel] = BOTH.endpoints;
  const deep = { data: JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown };

  function accepted(endpoints: unknown): { lease: Lease | undefined; reasons: string[] } {
    const table = new LeaseTable();
    table.setNetConf(parseNetConf('{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}'), 0);
    const delta = table.snapshot([lease({ ...BOTH, endpoints })], 0);
    return { lease: delta?.set[0], reasons: [...table.held()].map((held) => held.endpoints ?? 'none') };
  }

  test('stay as they are when nothing is wrong with them', () => {
    expect(accepted(BOTH.endpoints)).toEqual({ lease: lease(BOTH), reasons: [] });
    expect(accepted(undefined).reasons).toEqual([]);
  });

  test.each([
    ['null', null, /are no list/],
    ['a text', 'vxlan', /are no list/],
    ['an object', { 0: direct }, /are no list/],
    ['an empty list', [], /is empty/],
    ['too many', new Array(9).fill(direct), /9 endpoints, more than 8/],
    ['null in it', [null], /is no object/],
    ['a list in it', [[direct]], /is no object/],
    ['no id', [{ ...direct, id: undefined }], /no usable id, but something of type undefined/],
    ['an id with blanks', [{ ...direct, id: 'host gw' }], /no usable id, but "host gw"/],
    ['an id that is too long', [{ ...direct, id: 'x'.repeat(129) }], /no usable id/],
    ['a type that is no text', [{ ...direct, backendType: 7 }], /no usable backend type, but something of type number/],
    ['a type that could be a path', [{ ...direct, backendType: '../../x' }], /no usable backend type/],
    ['no address', [{ ...direct, ipv4: undefined }], /has no address/],
    ['another address', [{ ...direct, ipv4: { publicIP: '192.0.2.9' } }], /another ipv4 address, "192.0.2.9", than/],
    ['an address of no family', [{ ...direct, ipv6: { publicIP: 'fd00::1' } }], /another ipv6 address/],
    ['an address that is no text', [{ ...direct, ipv4: { publicIP: deep } }], /something of type object/],
  ])('%s: the lease is passed on with its primary endpoint alone', (_, endpoints, reason) => {
    const { lease: passed, reasons } = accepted(endpoints);
    expect(passed).toEqual(lease({ backendType: 'vxlan', ipv4: VXLAN }));
    expect(reasons).toEqual([expect.stringMatching(reason)]);
  });

  test('one of several, or one that is there twice, is left out', () => {
    const { lease: passed, reasons } = accepted([direct, { ...tunnel, ipv4: DIRECT, id: '' }, tunnel, tunnel]);
    expect(passed).toEqual(lease(BOTH));
    expect(reasons).toEqual([expect.stringMatching(/no usable id, but ""; endpoint "vxlan\/1\/8472" is there twice$/)]);
  });

  test('are told of no longer when they are mended or gone', () => {
    const table = new LeaseTable();
    table.setNetConf(parseNetConf('{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}'), 0);
    table.snapshot([lease({ ...BOTH, endpoints: [] })], 0);
    expect([...table.held()]).toHaveLength(1);
    const mended = table.changes([{ type: 'set', lease: lease(BOTH) }], 0);
    expect([...table.held()]).toHaveLength(0);
    expect(mended?.set).toEqual([lease(BOTH)]);
    table.snapshot([lease({ ...BOTH, endpoints: 5 })], 0);
    expect([...table.held()]).toHaveLength(1);
    table.changes([{ type: 'delete', key: 'n1' }], 0);
    expect([...table.held()]).toHaveLength(0);
  });
});
