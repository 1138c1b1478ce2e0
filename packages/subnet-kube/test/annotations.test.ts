import { describe, expect, test } from '@jest/globals';
import type { LeaseAttributes } from '@overlay/core';
import { AnnotationNames } from '../dist/node/annotation-names.js';
import { formatAnnotations, overwriteAddresses } from '../dist/node/annotations.js';
import type { NodeFacts } from '../dist/node/node-facts.js';
import { nodeLease } from '../dist/node/node-lease.js';

function facts(
  annotations: Readonly<Record<string, string>>,
  podCIDRs = ['10.5.1.0/24', 'fd00:5:0:1::/64'],
): NodeFacts {
  return { name: 'a', uid: 'u', resourceVersion: '1', podCIDRs, annotations: new Map(Object.entries(annotations)) };
}

const attributes = (value: unknown): LeaseAttributes => value as LeaseAttributes;

const VXLAN = { 'kube-subnet-manager': 'true', 'backend-type': 'vxlan' };
const V4 = { 'public-ip': '192.0.2.1', 'backend-data': '{"VNI":1,"VtepMAC":"0a:00:00:00:00:01"}' };
const V6 = { 'public-ipv6': '2001:db8::1', 'backend-v6-data': '{"VNI":1,"VtepMAC":"0a:00:00:00:00:61"}' };

describe('names of annotations', () => {
  test.each([
    ['flannel.alpha.coreos.com', 'flannel.alpha.coreos.com/'],
    ['flannel.alpha.coreos.com/', 'flannel.alpha.coreos.com/'],
    ['org.com/x', 'org.com/x-'],
    ['org.com/x-', 'org.com/x-'],
  ])('%s', (prefix, start) => {
    expect(AnnotationNames.parse(prefix)?.name('public-ip')).toBe(`${start}public-ip`);
  });

  test.each(['', 'nodot', 'a.b/c/d', 'Org.com', 'org.com/X', 'a b.c'])('%j is none', (prefix) => {
    expect(AnnotationNames.parse(prefix)).toBeUndefined();
  });
});

describe('reading a Node', () => {
  test('dual stack, one family, none', () => {
    expect(nodeLease(facts({ ...VXLAN, ...V4, ...V6 })).lease).toEqual({
      key: 'a',
      subnets: { ipv4: '10.5.1.0/24', ipv6: 'fd00:5:0:1::/64' },
      attributes: {
        backendType: 'vxlan',
        ipv4: { publicIP: '192.0.2.1', data: { VNI: 1, VtepMAC: '0a:00:00:00:00:01' } },
        ipv6: { publicIP: '2001:db8::1', data: { VNI: 1, VtepMAC: '0a:00:00:00:00:61' } },
      },
    });
    expect(nodeLease(facts({ ...VXLAN, ...V4 })).lease?.subnets).toEqual({ ipv4: '10.5.1.0/24' });
    // As flanneld writes for wireguard without IPv4.
    const six = nodeLease(facts({ ...VXLAN, 'public-ip': '0.0.0.0', 'backend-data': 'null', ...V6 }));
    expect(six).toEqual({ lease: expect.objectContaining({ subnets: { ipv6: 'fd00:5:0:1::/64' } }) });
    expect(nodeLease(facts({ ...V4 }))).toEqual({});
    expect(nodeLease(facts({ ...VXLAN, ...V4, 'kube-subnet-manager': 'yes' }))).toEqual({});
  });

  test('backends without data, and with a text', () => {
    const data = (text: string): unknown =>
      nodeLease(facts({ ...VXLAN, 'public-ip': '192.0.2.1', 'backend-data': text })).lease?.attributes.ipv4;
    expect(data('null')).toEqual({ publicIP: '192.0.2.1' });
    expect(data('')).toEqual({ publicIP: '192.0.2.1' });
    expect(data('"a text"')).toEqual({ publicIP: '192.0.2.1', data: 'a text' });
  });

  test('a part that is wrong costs that part', () => {
    const { lease, problem } = nodeLease(facts({ ...VXLAN, ...V4, ...V6, 'public-ip': 'here' }));
    expect([lease?.subnets, problem]).toEqual([{ ipv6: 'fd00:5:0:1::/64' }, 'public-ip is no IPv4 address']);
    expect(nodeLease(facts({ ...VXLAN, ...V4, 'backend-data': '{' }))).toEqual({ problem: 'backend-data is not JSON' });
    expect(nodeLease(facts({ ...VXLAN, ...V4 }, []))).toEqual({
      problem: 'it publishes an IPv4 address and has no IPv4 podCIDR',
    });
    expect(nodeLease(facts({ ...VXLAN, ...V4 }, ['10.5.1.0/33', 'x'])).lease).toBeUndefined();
  });

  test('all endpoints count while one of them is what flannel’s annotations say', () => {
    const ipv4 = { publicIP: '192.0.2.1', data: { VNI: 1, VtepMAC: '0a:00:00:00:00:01' } };
    const vxlan = { id: 'vxlan/1/8472', backendType: 'vxlan', ipv4 };
    const hostGw = { id: 'host-gw', backendType: 'host-gw', ipv4: { publicIP: '192.0.2.1' } };
    const written = JSON.stringify([vxlan, hostGw]);
    const read = (annotations: Readonly<Record<string, string>>): unknown =>
      nodeLease(facts({ ...VXLAN, ...V4, 'overlay-endpoints': written, ...annotations })).lease?.attributes.endpoints;
    expect(read({})).toEqual([vxlan, hostGw]);
    // A flanneld has taken the host over, with a MAC of its own.
    expect(read({ 'backend-data': '{"VNI":1,"VtepMAC":"0a:00:00:00:00:99"}' })).toBeUndefined();
    expect(read({ 'overlay-endpoints': '{' })).toBeUndefined();
    expect(read({ 'overlay-endpoints': '[null,3]' })).toBeUndefined();
  });
});

describe('writing', () => {
  test('a MAC comes last, whatever the backend says', () => {
    const data = { VtepMAC: '0a:00:00:00:00:01', VNI: 1 };
    const written = formatAnnotations(attributes({ backendType: 'vxlan', ipv4: { publicIP: '192.0.2.1', data } }));
    expect(written.get('backend-data')).toBe('{"VNI":1,"VtepMAC":"0a:00:00:00:00:01"}');
    expect([written.get('public-ipv6'), written.get('backend-v6-data')]).toEqual([null, null]);
  });

  test('what is written is read again', () => {
    const all = attributes({
      backendType: 'vxlan',
      ipv4: { publicIP: '192.0.2.1', data: { VNI: 1, VtepMAC: '0a:00:00:00:00:01' } },
      ipv6: { publicIP: '2001:db8::1', data: { VNI: 1, VtepMAC: '0a:00:00:00:00:61' } },
    });
    const written = [...formatAnnotations(all)].filter((entry): entry is [string, string] => entry[1] !== null);
    expect(nodeLease(facts(Object.fromEntries(written))).lease?.attributes).toEqual(all);
  });

  test('set addresses replace those of all endpoints of their family', () => {
    const hostGw = { id: 'host-gw', backendType: 'host-gw', ipv4: { publicIP: '192.0.2.1' } };
    const found = attributes({ backendType: 'host-gw', ipv4: { publicIP: '192.0.2.1' }, endpoints: [hostGw] });
    const replaced = overwriteAddresses(found, { ipv4: '198.51.100.7', ipv6: '2001:db8::9' } as never);
    expect(replaced).toEqual({
      backendType: 'host-gw',
      ipv4: { publicIP: '198.51.100.7' },
      endpoints: [{ ...hostGw, ipv4: { publicIP: '198.51.100.7' } }],
    });
    expect(overwriteAddresses(found, {})).toBe(found);
  });
});
