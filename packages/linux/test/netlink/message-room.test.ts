import { describe, expect, test } from '@jest/globals';
import type { Address, Mac, Prefix } from '@overlay/core';
import { deleteFdb, deleteNeighbour, deleteRoute, newFdb, newNeighbour, newRoute } from '../../dist/netlink/index.js';
import { MessageWriter } from '../../dist/netlink/rtnetlink/attributes.js';
import { MessageRoom } from '../../dist/netlink/rtnetlink/message-room.js';

const gateway = '192.0.2.1' as Address;
const mac = '02:00:00:00:00:01' as Mac;

/** Requests of each sort that is sent by the thousand. */
const REQUESTS: readonly ((room?: MessageRoom) => Uint8Array)[] = [
  (room) => newRoute({ destination: '10.1.2.0/24' as Prefix, gateway, outIndex: 7, metric: 9 }, 'upsert', room),
  (room) => newRoute({ destination: '0.0.0.0/0' as Prefix, gateway, onlink: true, outIndex: 7 }, 'create', room),
  (room) => newRoute({ destination: 'fd00:1::/64' as Prefix, gateway: 'fd00::1' as Address }, 'upsert', room),
  (room) => deleteRoute({ destination: '10.1.2.0/24' as Prefix, outIndex: 7 }, room),
  (room) => newNeighbour({ index: 7, address: gateway, mac }, 'upsert', room),
  (room) => deleteNeighbour({ index: 7, address: 'fd00::1' as Address }, room),
  (room) => newFdb({ index: 7, mac, destination: gateway }, 'upsert', room),
  (room) => deleteFdb({ index: 7, mac, destination: gateway }, room),
];

describe('messages in a room', () => {
  test('are the same as outside of it, and lie one behind the other', () => {
    const room = new MessageRoom(2048);
    let end = 0;
    for (const request of REQUESTS) {
      const message = request(room);
      expect(message.buffer).toBe(room.bytes.buffer);
      expect(message.byteOffset).toBe(end);
      expect([...message]).toEqual([...request()]);
      end += message.length;
    }
    expect(room.used).toBe(end);
  });

  test('are written elsewhere when there is no room, or when they turn out to be larger', () => {
    const route = REQUESTS[0];
    const small = new MessageRoom(100);
    expect(route(small).buffer).not.toBe(small.bytes.buffer);
    expect(small.used).toBe(0);

    const room = new MessageRoom(256);
    const large = new MessageWriter(16, 0, 16, 64, room);
    large.bytes(1, new Uint8Array(400).fill(255));
    const alone = new MessageWriter(16, 0, 16, 64);
    alone.bytes(1, new Uint8Array(400).fill(255));
    expect([...large.finish()]).toEqual([...alone.finish()]);
    expect(room.used).toBe(0);
    expect(room.bytes.every((byte) => byte === 0)).toBe(true);
    expect([...route(room)]).toEqual([...route()]);
  });
});
