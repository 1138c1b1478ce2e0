import { isIPv4, isIPv6 } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Family, LeaseAttributes } from '@overlay/core';
import { addressFromBigInt } from '@overlay/core';
import { formatAnnotations } from '../dist/node/annotations.js';
import { nodeLease } from '../dist/node/node-lease.js';

type Annotations = ReadonlyMap<string, string>;

const POD_CIDRS = { ipv4: '10.5.1.0/24', ipv6: 'fd00:5:0:1::/64' };
const IS_ADDRESS = { ipv4: isIPv4, ipv6: isIPv6 };
const NAMES = {
  ipv4: { publicIP: 'public-ip', data: 'backend-data' },
  ipv6: { publicIP: 'public-ipv6', data: 'backend-v6-data' },
};

/** The annotations that a Node has after a patch. */
function patched(attributes: LeaseAttributes): Annotations {
  const written = [...formatAnnotations(attributes)].filter((entry): entry is [string, string] => entry[1] !== null);
  return new Map(written);
}

function ourReading(annotations: Annotations): LeaseAttributes | undefined {
  const podCIDRs = [POD_CIDRS.ipv4, POD_CIDRS.ipv6];
  const { lease, problem } = nodeLease({ name: 'a', uid: 'u', resourceVersion: '1', podCIDRs, annotations });
  expect(problem).toBeUndefined();
  return lease?.attributes;
}

/**
 * What flanneld makes of the annotations of a peer whose families it is configured for: an address that does not parse
 * costs the peer its routes, and data that does not decode the whole event.
 */
function flanneldsReading(annotations: Annotations, families: readonly Family[]): unknown {
  expect(annotations.get('kube-subnet-manager')).toBe('true');
  const read: Record<string, unknown> = { backendType: annotations.get('backend-type') ?? '' };
  for (const family of families) {
    const { publicIP, data } = NAMES[family];
    const address = annotations.get(publicIP) ?? '';
    expect(IS_ADDRESS[family](address)).toBe(true);
    read[family] = [address, JSON.parse(annotations.get(data) ?? '')];
  }
  return read;
}

/** How flanneld finds its own MAC again after a start: between the only `:"` and what ends the text. */
function flanneldsMac(data: string | undefined): string | undefined {
  const parts = (data ?? '').replaceAll(/^["}]+|["}]+$/g, '').split(':"');
  return parts.length === 2 ? parts[1] : undefined;
}

/** What a flanneld leaves in the annotations of its Node, with the addresses of its host and the data of its backend. */
function flanneldsWriting({ backendType, ipv4, ipv6 }: LeaseAttributes): Annotations {
  const [data4, data6] = [goJson(ipv4?.data), goJson(ipv6?.data)];
  const written = new Map([
    ['kube-subnet-manager', 'true'],
    ['backend-type', backendType],
  ]);
  if (backendType !== 'vxlan' || data4 !== 'null') {
    written.set('backend-data', data4).set('public-ip', ipv4?.publicIP ?? '0.0.0.0');
  }
  const six =
    backendType === 'vxlan'
      ? data6 !== 'null'
      : ['host-gw', 'extension'].includes(backendType) || (backendType === 'wireguard' && data6 !== 'null');
  if (ipv6 !== undefined && six) written.set('backend-v6-data', data6).set('public-ipv6', ipv6.publicIP);
  return written;
}

/** Go writes some characters in escaped form. */
function goJson(data: unknown): string {
  return JSON.stringify(data ?? null).replaceAll(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const addresses = {
  ipv4: fc.bigInt(1n, 2n ** 32n - 2n).map((value) => addressFromBigInt(value, 'ipv4')),
  // But for those that carry one of IPv4, which no host is reached by.
  ipv6: fc.bigInt(2n ** 64n, 2n ** 128n - 2n).map((value) => addressFromBigInt(value, 'ipv6')),
};
const mac = fc
  .array(fc.integer({ min: 0, max: 255 }), { minLength: 6, maxLength: 6 })
  .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
const vni = fc.integer({ min: 1, max: 2 ** 24 - 1 });
const vxlan = fc.oneof(
  fc.record({ VNI: vni, VtepMAC: mac }),
  // The order of members is not ours to choose.
  fc.tuple(mac, vni).map(([VtepMAC, VNI]) => ({ VtepMAC, VNI })),
);

/** Null is what data that is not there looks like, and a zero has no sign in JSON that is written. */
const anyData = fc
  .jsonValue({ maxDepth: 3 })
  .filter((data) => data !== null)
  .map((data) => JSON.parse(JSON.stringify(data)) as typeof data);

function attributesWith(types: fc.Arbitrary<string>, data: fc.Arbitrary<unknown>): fc.Arbitrary<LeaseAttributes> {
  const endpoint = (family: Family): fc.Arbitrary<unknown> =>
    fc.record({ publicIP: addresses[family], data }, { requiredKeys: ['publicIP'] });
  const [ipv4, ipv6] = [endpoint('ipv4'), endpoint('ipv6')];
  const families = fc.oneof(fc.record({ ipv4 }), fc.record({ ipv6 }), fc.record({ ipv4, ipv6 }));
  return fc
    .tuple(types, families)
    .map(([backendType, published]) => ({ backendType, ...published }) as unknown as LeaseAttributes);
}

const whatever = attributesWith(
  fc.oneof(fc.constantFrom('vxlan', 'host-gw', 'udp', 'wireguard'), fc.string({ unit: 'binary' })),
  anyData,
);

/** As what attributes say is to be read. */
function expected({ backendType, ipv4, ipv6 }: LeaseAttributes): unknown {
  const told = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  const read = Object.entries(told).map(([family, { publicIP, data }]) => [family, [publicIP, data ?? null]] as const);
  return { backendType, ...Object.fromEntries(read) };
}

function familiesOf({ ipv4, ipv6 }: LeaseAttributes): Family[] {
  return [...(ipv4 ? (['ipv4'] as const) : []), ...(ipv6 ? (['ipv6'] as const) : [])];
}

describe('whatever is written', () => {
  test('flanneld can read in each family that is published', () => {
    fc.assert(
      fc.property(whatever, (attributes) => {
        expect(flanneldsReading(patched(attributes), familiesOf(attributes))).toEqual(expected(attributes));
      }),
    );
  });

  test('is read here as it was meant', () => {
    fc.assert(fc.property(whatever, (attributes) => expect(ourReading(patched(attributes))).toEqual(attributes)));
  });

  test('a list of several ways changes nothing for flanneld, and is read here', () => {
    const several = fc.tuple(whatever, whatever).map(([first, second]) => ({
      ...first,
      endpoints: [
        { id: 'second', ...second },
        { id: 'first', ...first },
      ],
    }));
    fc.assert(
      fc.property(several as unknown as fc.Arbitrary<LeaseAttributes>, (attributes) => {
        const annotations = patched(attributes);
        expect(flanneldsReading(annotations, familiesOf(attributes))).toEqual(expected(attributes));
        expect(ourReading(annotations)).toEqual(attributes);
      }),
    );
  });

  test('a VXLAN’s MAC is found again by a flanneld that takes the host over', () => {
    fc.assert(
      fc.property(attributesWith(fc.constant('vxlan'), vxlan), (attributes) => {
        const annotations = patched(attributes);
        for (const family of familiesOf(attributes)) {
          const { VtepMAC } = (attributes[family]?.data ?? {}) as { VtepMAC?: string };
          expect(flanneldsMac(annotations.get(NAMES[family].data))).toBe(VtepMAC);
        }
      }),
    );
  });
});

describe('whatever flanneld writes is read here', () => {
  // Those of its backends that publish in both families, and data of each.
  const flannels = fc.oneof(
    attributesWith(fc.constant('vxlan'), vxlan).filter(({ ipv4, ipv6 }) =>
      [ipv4, ipv6].every((endpoint) => endpoint === undefined || endpoint.data !== undefined),
    ),
    attributesWith(fc.constant('host-gw'), fc.constant(undefined)),
    attributesWith(fc.constant('extension'), fc.string({ unit: 'binary' })),
    attributesWith(fc.constant('wireguard'), fc.record({ PublicKey: fc.base64String() })).filter(
      ({ ipv6 }) => ipv6 === undefined || ipv6.data !== undefined,
    ),
  );

  test('in one family and in both', () => {
    fc.assert(
      fc.property(flannels, (attributes) => {
        const read = ourReading(flanneldsWriting(attributes));
        expect(read && expected(read)).toEqual(expected(attributes));
      }),
    );
  });

  test('and has the same annotations when it is written here', () => {
    const vxlanAndHostGw = fc.oneof(
      attributesWith(fc.constant('vxlan'), fc.record({ VNI: vni, VtepMAC: mac })).filter(({ ipv4, ipv6 }) =>
        [ipv4, ipv6].every((endpoint) => endpoint === undefined || endpoint.data !== undefined),
      ),
      attributesWith(fc.constant('host-gw'), fc.constant(undefined)),
    );
    fc.assert(
      fc.property(vxlanAndHostGw, (attributes) => {
        const sorted = (annotations: Annotations): unknown => [...annotations].sort();
        expect(sorted(patched(attributes))).toEqual(sorted(flanneldsWriting(attributes)));
      }),
    );
  });
});
