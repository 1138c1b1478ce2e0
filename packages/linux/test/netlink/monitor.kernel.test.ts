import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Address, Mac, Prefix } from '@overlay/core';
import type { MonitorOptions, NetlinkPort } from '../../dist/netlink/index.js';
import {
  decodeAddress,
  decodeFdb,
  decodeLink,
  decodeNeighbour,
  decodeRoute,
  deleteRoute,
  Group,
  MessageType,
  newAddress,
  newFdb,
  newLink,
  newNeighbour,
  newRoute,
  openNetlink,
  setLink,
} from '../../dist/netlink/index.js';
import { linkNamed } from './collect.js';
import { Namespace, until } from './namespace.js';

let host: Namespace;
let port: NetlinkPort;

beforeEach(() => {
  host = new Namespace('m');
  host.ip('link set lo up');
  port = openNetlink({ netns: host.path });
});

afterEach(() => {
  port.close();
  host.remove();
});

const EVERYTHING = [
  Group.link,
  Group.neighbour,
  Group.ipv4Address,
  Group.ipv6Address,
  Group.ipv4Route,
  Group.ipv6Route,
];

/** A monitor whose callbacks are all unexpected, but for those given. */
function listen(options: Partial<MonitorOptions>): { close(): void } {
  return port.monitor({
    groups: EVERYTHING,
    onMessage: () => undefined,
    onOverflow: () => expect('an overflow').toBe('none'),
    onError: (error) => {
      throw error;
    },
    ...options,
  });
}

/** What was heard, in short. */
function recorder(): { heard: string[]; onMessage: MonitorOptions['onMessage'] } {
  const heard: string[] = [];
  return {
    heard,
    onMessage(message) {
      const sign = (message.type & 1) === 0 ? '+' : '-';
      switch (message.type & ~3) {
        case MessageType.newLink:
          heard.push(`${sign}link ${decodeLink(message).name}`);
          break;
        case MessageType.newAddress:
          heard.push(`${sign}address ${decodeAddress(message)?.address}`);
          break;
        case MessageType.newRoute:
          heard.push(`${sign}route ${decodeRoute(message)?.destination}`);
          break;
        case MessageType.newNeighbour:
          heard.push(`${sign}neighbour ${decodeNeighbour(message)?.address ?? decodeFdb(message)?.mac}`);
          break;
      }
    },
  };
}

const macOf = (n: number): Mac =>
  `02:00:00:${[n >> 16, n >> 8, n].map((part) => (part & 0xff).toString(16).padStart(2, '0')).join(':')}` as Mac;
const addressOf = (n: number): Address => `10.${(n >> 16) & 0xff}.${(n >> 8) & 0xff}.${n & 0xff}` as Address;

describe('changes that others make', () => {
  test('are heard, of every kind, in order', async () => {
    const { heard, onMessage } = recorder();
    listen({ onMessage });
    host.batch([
      'link add vx0 type vxlan id 1 dstport 8472 nolearning',
      'link set vx0 up',
      'address add 192.0.2.1/24 dev vx0',
      'route add 10.1.0.0/16 via 192.0.2.2',
      'neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 dev vx0 nud permanent',
    ]);
    host.bridge('fdb add 02:00:00:00:00:03 dst 192.0.2.3 dev vx0');
    host.batch(['route del 10.1.0.0/16', 'neighbour del 192.0.2.2 dev vx0', 'link del vx0']);
    await until(() => heard.includes('-link vx0'), 'the last change is heard');
    const wanted = [
      '+link vx0',
      '+address 192.0.2.1',
      '+route 10.1.0.0/16',
      '+neighbour 192.0.2.2',
      '+neighbour 02:00:00:00:00:03',
      '-route 10.1.0.0/16',
      '-neighbour 192.0.2.2',
      '-address 192.0.2.1',
      '-link vx0',
    ];
    expect(heard.filter((each, at) => wanted.includes(each) && heard.indexOf(each) === at)).toEqual(wanted);
  });

  test('are not heard once the monitor is closed', async () => {
    const { heard, onMessage } = recorder();
    const closed = listen({ onMessage: () => heard.push('after the close') });
    listen({ onMessage });
    host.ip('link add br0 type bridge');
    closed.close();
    closed.close();
    host.ip('link add br1 type bridge');
    await until(() => heard.includes('+link br1'), 'the other monitor hears of the second bridge');
    expect(heard).not.toContain('after the close');
  });
});

describe('our own changes', () => {
  test('are not heard, those of others between them are', async () => {
    const { heard, onMessage } = recorder();
    listen({ onMessage });
    expect((await port.send(newLink({ name: 'br0', kind: 'bridge' }))).size).toBe(0);
    const { index } = await linkNamed(port, 'br0');
    expect((await port.send([setLink(index, { up: true, mtu: 1400 })])).size).toBe(0);
    const route = { destination: '10.9.0.0/16' as Prefix, outIndex: index };
    const failures = await port.send([
      newAddress({ index, address: '10.9.0.9' as Address, prefixLength: 32 }, 'create'),
      newRoute(route, 'create'),
      newNeighbour({ index, address: '10.9.0.1' as Address, mac: macOf(1) }, 'upsert'),
      deleteRoute(route),
    ]);
    expect(failures.size).toBe(0);
    host.ip('link add marker type bridge');
    await until(() => heard.includes('+link marker'), 'somebody else’s change is heard');
    // Of a link's changes the kernel tells some without saying whose they are. What it does by itself as a consequence is
    // news: the local route of an address, and that the address's deletion takes it away.
    expect(heard.filter((each) => /10\.9\./.test(each))).toEqual(['+route 10.9.0.9/32']);
  });

  test('however many, never overflow the monitor: 50,000 FDB entries', async () => {
    let heard = 0;
    let overflows = 0;
    listen({
      groups: [Group.neighbour],
      receiveBuffer: 32 * 1024, // less than the notifications of one send of 400
      onMessage: () => heard++,
      onOverflow: () => overflows++,
    });
    await port.send(newLink({ name: 'vx0', kind: 'vxlan', up: true, vxlan: { vni: 1, learning: false } }));
    const { index } = await linkNamed(port, 'vx0');
    const messages = Array.from({ length: 50_000 }, (_, n) =>
      newFdb({ index, mac: macOf(n), destination: addressOf(n) }, 'create'),
    );
    const begun = performance.now();
    expect((await port.send(messages)).size).toBe(0);
    console.log(`50,000 FDB entries with a monitor: ${Math.round(performance.now() - begun)} ms`);
    // VXLAN reports them without saying whose they are, so they are all heard.
    await until(() => heard >= 50_000, 'all echoes are heard');
    expect(overflows).toBe(0);
    expect(heard).toBe(50_000);
  });
});

describe('too many changes', () => {
  test('are an overflow, and the monitor goes on', async () => {
    const { heard, onMessage } = recorder();
    let overflows = 0;
    listen({ receiveBuffer: 8192, onMessage, onOverflow: () => overflows++ });
    const many = Array.from({ length: 2000 }, (_, n) => `route add unreachable 10.${n >> 8}.${n & 255}.0/24`);
    // JavaScript stands still meanwhile, so nothing is delivered, and the socket fills up.
    host.batch(many);
    await until(() => overflows > 0, 'the overflow is told');
    expect(heard.length).toBeLessThan(2000);
    const before = overflows;
    host.ip('link add br0 type bridge');
    await until(() => heard.includes('+link br0'), 'a later change is heard');
    expect(overflows).toBe(before);
  });
});

describe('a listener that throws', () => {
  test('is reported, and every later message still comes', async () => {
    const errors: unknown[] = [];
    const heard: string[] = [];
    const recorded = recorder();
    listen({
      groups: [Group.link],
      onMessage: (message) => {
        recorded.onMessage(message);
        const last = recorded.heard.at(-1) as string;
        if (last === '+link br1') throw new Error(`cannot take ${last}`);
        heard.push(last);
      },
      onError: (error) => errors.push(error),
    });
    host.batch([0, 1, 2].map((n) => `link add br${n} type bridge`));
    await until(() => heard.includes('+link br2'), 'the last one is heard');
    expect(heard).toContain('+link br0');
    expect(errors.length).toBeGreaterThan(0);
    expect(errors[0]).toMatchObject({ message: 'cannot take +link br1' });
  });

  test('also in onOverflow', async () => {
    const errors: unknown[] = [];
    listen({
      receiveBuffer: 8192,
      onOverflow: () => {
        throw new Error('no room');
      },
      onError: (error) => errors.push(error),
    });
    host.batch(Array.from({ length: 1000 }, (_, n) => `route add unreachable 10.${n >> 8}.${n & 255}.0/24`));
    await until(() => errors.length > 0, 'the error is reported');
    expect(errors[0]).toMatchObject({ message: 'no room' });
  });

  test('may close the monitor from within', async () => {
    const heard: number[] = [];
    const monitor = listen({
      groups: [Group.link],
      onMessage: ({ type }) => {
        heard.push(type);
        monitor.close();
      },
    });
    host.batch([0, 1, 2].map((n) => `link add br${n} type bridge`));
    await until(() => heard.length > 0, 'the first one is heard');
    execFileSync('ip', ['-n', host.name, 'link', 'add', 'br9', 'type', 'bridge']);
    const other = recorder();
    listen({ onMessage: other.onMessage });
    host.ip('link add br8 type bridge');
    await until(() => other.heard.includes('+link br8'), 'a later change is heard elsewhere');
    expect(heard).toHaveLength(1);
  });
});

describe('opening a monitor', () => {
  test('for a group that does not exist is an error', () => {
    expect(() => listen({ groups: [4000] })).toThrow(expect.objectContaining({ code: 'OVERLAY_NETLINK_OPEN' }));
  });
});
