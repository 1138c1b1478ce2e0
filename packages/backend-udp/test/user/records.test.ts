import { describe, expect, test } from '@jest/globals';
import { parseAddress, parsePrefix } from '@overlay/core';
import { loadNativeEngine } from '../../dist/user/native.js';
import {
  decodeUnderlay,
  encodeAddresses,
  encodeEndpoints,
  encodePeers,
  encodeSubnets,
} from '../../dist/user/records.js';
import { busiest, decodeCounters, REASONS } from '../../dist/user/status.js';

const PEER = {
  key: 'h2',
  subnets: { ipv4: parsePrefix('10.244.2.0/24', 'ipv4'), ipv6: parsePrefix('fd00:10:244:2::/64', 'ipv6') },
  endpoints: { ipv4: parseAddress('192.168.77.12', 'ipv4'), ipv6: parseAddress('fd00:77::12', 'ipv6') },
  port: 8285,
  senders: [parseAddress('192.168.77.12'), parseAddress('fd00:77::12')],
};

describe('what the engine is given', () => {
  const native = loadNativeEngine();

  test('a peer is taken, told apart by its number, and let go', () => {
    const engine = native.create();
    native.setPeers(engine, encodePeers([{ number: 70, peer: PEER }]));
    expect(native.peerTraffic(engine, 70)).toEqual([0, 0, 0, 0]);
    expect(native.peerTraffic(engine, 69)).toBeUndefined();
    native.setPeers(engine, encodePeers([{ number: 70 }, { number: 4711 }]));
    expect(native.peerTraffic(engine, 70)).toBeUndefined();
    expect(native.state(engine).running).toBe(false);
    native.close(engine);
    native.close(engine);
    expect(() => native.state(engine)).toThrow(expect.objectContaining({ syscall: 'engine' }));
  });

  test('misuse is an exception, not a crash', () => {
    const wrong = native as unknown as Record<string, (...args: unknown[]) => unknown>;
    const engine = native.create();
    for (const name of [
      'configure',
      'setPeers',
      'start',
      'stop',
      'counters',
      'peerTraffic',
      'state',
      'strays',
      'traffic',
    ]) {
      expect(() => wrong[name]()).toThrow();
      expect(() => wrong[name]({}, 1, 1, 1, 1, 1)).toThrow();
    }
    expect(() => wrong.setPeers(engine, new Uint8Array(147))).toThrow();
    expect(() => wrong.setPeers(engine, 'text')).toThrow();
    const bad = encodePeers([{ number: 1, peer: PEER }]);
    bad[0] = 9;
    expect(() => native.setPeers(engine, bad)).toThrow(expect.objectContaining({ errno: 22 }));
    const long = encodeSubnets({ ipv4: PEER.subnets.ipv4 });
    long[1] = 33;
    expect(() => native.configure(engine, 1472, 0, long, encodeAddresses({}))).toThrow();
    expect(() => native.configure(engine, 1472, 3, encodeSubnets({}), encodeAddresses({}))).toThrow();
    expect(() => native.start(engine, 'x', 0, 10, encodeEndpoints({}, 1), undefined)).toThrow();
    expect(() => native.start(engine, 'x', 999, 10, encodeEndpoints({}, 1), undefined)).toThrow();
    native.close(engine);
  });

  test('an IPv4 address is mapped into IPv6 and read back', () => {
    const record = encodePeers([{ number: 1, peer: PEER }]);
    expect(decodeUnderlay([...record.subarray(84, 100)])).toBe('192.168.77.12');
    expect(decodeUnderlay([...record.subarray(100, 116)])).toBe('fd00:77::12');
  });

  test('the table grows and shrinks with 50,000 peers', () => {
    const engine = native.create();
    const peers = Array.from({ length: 50_000 }, (_, number) => ({
      number,
      peer: { ...PEER, subnets: { ipv4: parsePrefix(`10.${number >> 8}.${number & 255}.0/24`, 'ipv4') } },
    }));
    native.setPeers(engine, encodePeers(peers));
    expect(native.peerTraffic(engine, 49_999)).toEqual([0, 0, 0, 0]);
    expect(native.traffic(engine).byteLength).toBe(0);
    native.setPeers(engine, encodePeers(peers.map(({ number }) => ({ number }))));
    expect(native.peerTraffic(engine, 0)).toBeUndefined();
    native.close(engine);
  });

  test('every counter has a name', () => {
    const engine = native.create();
    expect(native.counters(engine)).toHaveLength(4 + 2 * REASONS.length);
    native.close(engine);
    const numbers = Array.from({ length: 4 + 2 * REASONS.length }, (_, i) => i);
    const { sent, received, drops, passed } = decodeCounters(numbers);
    expect([sent, received]).toEqual([
      { packets: 0, bytes: 1 },
      { packets: 2, bytes: 3 },
    ]);
    expect(drops.overload).toBe(12);
    expect(passed['unknown-destination']).toBe(13);
  });

  test('of many peers the busiest are told, the first of all first', () => {
    const none = { packets: 0, bytes: 0 };
    const peers = [3, 9, 1].map((bytes) => ({ key: `h${bytes}`, sent: none, received: { packets: 1, bytes } }));
    const talker = { key: 'talker', sent: { packets: 1, bytes: 8 }, received: { packets: 1, bytes: 2 } };
    expect(busiest([...peers, talker], 3).map(({ key }) => key)).toEqual(['talker', 'h9', 'h3']);
    expect(busiest(peers, 100)).toHaveLength(3);
  });
});
