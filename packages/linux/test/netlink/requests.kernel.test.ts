import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Address, Mac, Prefix } from '@overlay/core';
import type { NetlinkPort } from '../../dist/netlink/index.js';
import {
  decodeFdb,
  decodeRoute,
  dumpFdb,
  dumpRoutes,
  getLink,
  newFdb,
  newLink,
  newRoute,
  openNetlink,
  readNetnsFile,
  writeNetnsFile,
} from '../../dist/netlink/index.js';
import { collect, linkNamed } from './collect.js';
import { Namespace } from './namespace.js';

let host: Namespace;
let port: NetlinkPort;

beforeEach(() => {
  host = new Namespace('r');
  host.ip('link set lo up');
  port = openNetlink({ netns: host.path });
});

afterEach(() => {
  port.close();
  host.remove();
});

async function vxlan(): Promise<number> {
  expect(
    (await port.send(newLink({ name: 'vx0', kind: 'vxlan', up: true, vxlan: { vni: 1, learning: false } }))).size,
  ).toBe(0);
  return (await linkNamed(port, 'vx0')).index;
}

const macOf = (n: number): Mac =>
  `02:00:00:${[n >> 16, n >> 8, n].map((part) => (part & 0xff).toString(16).padStart(2, '0')).join(':')}` as Mac;
const addressOf = (n: number): Address => `10.${(n >> 16) & 0xff}.${(n >> 8) & 0xff}.${n & 0xff}` as Address;

function entries(index: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => newFdb({ index, mac: macOf(n), destination: addressOf(n) }, 'create'));
}

describe('a batch', () => {
  test('reports exactly the messages that failed, with errno and the kernel’s words', async () => {
    const index = await vxlan();
    const messages = Array.from({ length: 1000 }, (_, n) =>
      newRoute(
        {
          destination: `10.${n >> 8}.${n & 0xff}.0/24` as Prefix,
          outIndex: index,
          gateway: addressOf(n + 256),
          // Without onlink there is no way to these gateways.
          onlink: ![0, 399, 401, 777].includes(n),
          protocol: 111,
        },
        'create',
      ),
    );
    messages[500] = messages[499];
    const failures = await port.send(messages);
    expect([...failures].map(([at, { errnoName }]) => [at, errnoName])).toEqual([
      [0, 'ENETUNREACH'],
      [399, 'ENETUNREACH'],
      [401, 'ENETUNREACH'],
      [500, 'EEXIST'],
      [777, 'ENETUNREACH'],
    ]);
    expect(failures.get(399)).toMatchObject({
      code: 'OVERLAY_NETLINK',
      errno: 101,
      kernelText: 'Nexthop has invalid gateway',
      attempted: `adding route 10.1.143.0/24 via 10.0.2.143 dev #${index} table 254`,
    });
    expect(failures.get(399)?.message).toContain('(ENETUNREACH): Nexthop has invalid gateway');
    const found = await collect(port, dumpRoutes({ protocol: 111 }), decodeRoute);
    expect(found).toHaveLength(995);
  });

  test('of which all fail reports them all, also more than one slice', async () => {
    const index = await vxlan();
    expect((await port.send(entries(index, 6000))).size).toBe(0);
    const failures = await port.send(entries(index, 6000));
    expect(failures.size).toBe(6000);
    expect([...failures.keys()]).toEqual(Array.from({ length: 6000 }, (_, n) => n));
    expect(new Set([...failures.values()].map(({ errnoName }) => errnoName))).toEqual(new Set(['EEXIST']));
  });

  test('with a tiny receive buffer still knows each outcome, because less is sent at once', async () => {
    const small = openNetlink({ netns: host.path, receiveBuffer: 4096 });
    try {
      const index = await vxlan();
      expect((await small.send(entries(index, 1000))).size).toBe(0);
      const failures = await small.send(entries(index, 1000));
      expect([...failures.values()].filter(({ errnoName }) => errnoName === 'EEXIST')).toHaveLength(1000);
    } finally {
      small.close();
    }
  });

  test('of nothing does nothing', async () => {
    expect((await port.send([])).size).toBe(0);
  });

  test('tells where in a message the kernel found fault', async () => {
    const index = await vxlan();
    const message = newFdb({ index, mac: macOf(1), destination: addressOf(1) }, 'create');
    const attributeAt = 16 + 12; // the first attribute, the MAC: given a length that no MAC has
    message[attributeAt] = 9;
    const failure = (await port.send([message])).get(0);
    expect(failure).toMatchObject({ errnoName: 'EINVAL', kernelText: 'invalid address' });
    const bad = getLink(index);
    bad[bad.length - 6] = 0xff; // an attribute type that no kernel knows, in a strictly checked request
    await expect(port.query(bad)).rejects.toMatchObject({ errnoName: 'EINVAL', offset: bad.length - 8 });
  });
});

describe('a large table', () => {
  test('of 50,000 FDB entries goes in and comes out whole', async () => {
    const index = await vxlan();
    const messages = entries(index, 50_000);
    const begun = performance.now();
    const failures = await port.send(messages);
    const added = performance.now();
    const found = await collect(port, dumpFdb({ index }), decodeFdb);
    const dumped = performance.now();
    console.log(
      `50,000 FDB entries: added in ${Math.round(added - begun)} ms, dumped and decoded in ${Math.round(dumped - added)} ms`,
    );
    expect(failures.size).toBe(0);
    const byMac = new Map(found.map((entry) => [entry.mac, entry.destination]));
    expect(byMac.size).toBe(50_000);
    for (const n of [0, 1, 255, 256, 32_767, 49_999]) expect(byMac.get(macOf(n))).toBe(addressOf(n));
  });
});

describe('waiting', () => {
  test('ends when aborted, before and during; the port goes on', async () => {
    const index = await vxlan();
    await expect(port.send(entries(index, 1), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'OVERLAY_ABORTED',
    });
    await expect(port.query(getLink(1), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'OVERLAY_ABORTED',
    });
    const controller = new AbortController();
    const sending = port.send(entries(index, 50_000), { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(sending).rejects.toMatchObject({
      code: 'OVERLAY_ABORTED',
      cause: expect.objectContaining({ message: 'enough' }),
    });
    const found = await collect(port, dumpFdb({ index }), decodeFdb);
    expect(found.length).toBeLessThan(50_000);
    const reading = port.dump(dumpFdb(), () => undefined, { signal: controller.signal });
    await expect(reading).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    const late = new AbortController();
    const dumping = port.dump(dumpFdb(), () => undefined, { signal: late.signal });
    late.abort();
    await expect(dumping).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    expect((await linkNamed(port, 'vx0')).index).toBe(index);
  });

  test('ends with OVERLAY_CLOSED when the port is closed, and so does everything after', async () => {
    const index = await vxlan();
    const pending = [port.send(entries(index, 20_000)), port.query(getLink(1)), port.dump(dumpFdb(), () => undefined)];
    port.close();
    port.close();
    for (const each of pending) await expect(each).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
    await expect(port.send(entries(index, 1))).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
    await expect(port.query(getLink(1))).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
    await expect(port.dump(dumpFdb(), () => undefined)).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
    const silent = { groups: [1], onMessage() {}, onOverflow() {}, onError() {} };
    expect(() => port.monitor(silent)).toThrow(expect.objectContaining({ code: 'OVERLAY_CLOSED' }));
  });
});

describe('opening', () => {
  test('a namespace that is not there is an error that names it', () => {
    expect(() => openNetlink({ netns: '/run/netns/ovt-nothere' })).toThrow(
      expect.objectContaining({
        code: 'OVERLAY_NETLINK_OPEN',
        errnoName: 'ENOENT',
        message: expect.stringContaining('/run/netns/ovt-nothere'),
      }),
    );
    expect(() => openNetlink({ netns: '/etc/hostname' })).toThrow(expect.objectContaining({ errnoName: 'EINVAL' }));
  });

  test('the process itself stays in its own namespace', async () => {
    const own = openNetlink();
    try {
      await vxlan();
      await expect(own.query(getLink('vx0'))).rejects.toMatchObject({ errnoName: 'ENODEV' });
    } finally {
      own.close();
    }
  });
});

describe('files of a namespace', () => {
  test('are read and written there, and nowhere else', async () => {
    const path = '/proc/sys/net/ipv4/conf/all/rp_filter';
    const before = await readNetnsFile(undefined, path);
    await writeNetnsFile(host.path, path, '2');
    expect(await readNetnsFile(host.path, path)).toBe('2\n');
    await writeNetnsFile(host.path, path, '1');
    expect(await readNetnsFile(host.path, path)).toBe('1\n');
    expect(await readNetnsFile(undefined, path)).toBe(before);
    host.ip('link add br7 type bridge');
    expect(await readNetnsFile(host.path, '/proc/thread-self/net/dev')).toContain('br7:');
  });

  test('errors name the file, the namespace and the errno', async () => {
    await expect(readNetnsFile(host.path, '/proc/sys/net/nothere')).rejects.toMatchObject({
      code: 'OVERLAY_NETNS_FILE',
      errnoName: 'ENOENT',
      message: expect.stringMatching(/^reading \/proc\/sys\/net\/nothere in \/run\/netns\/ovt-/),
    });
    await expect(writeNetnsFile(host.path, '/proc/sys/net/ipv4/ip_forward', 'x')).rejects.toMatchObject({
      code: 'OVERLAY_NETNS_FILE',
      errnoName: 'EINVAL',
    });
    await expect(writeNetnsFile('/run/netns/ovt-nothere', '/proc/sys/net/ipv4/ip_forward', '1')).rejects.toMatchObject({
      errnoName: 'ENOENT',
    });
  });
});
