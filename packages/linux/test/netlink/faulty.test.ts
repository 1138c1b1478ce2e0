import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Prefix } from '@overlay/core';
import type { MonitorOptions, NetlinkMessage, NetlinkPort, SendFailures } from '../../dist/netlink/index.js';
import {
  decodeRoute,
  dumpLinks,
  dumpRoutes,
  firstMessage,
  getLink,
  MessageType,
  newRoute,
} from '../../dist/netlink/index.js';
import type { NetlinkFault } from '../../dist/testing/index.js';
import { FaultyNetlink } from '../../dist/testing/index.js';

/** A port that carries everything out, and notes it. */
class WillingPort implements NetlinkPort {
  readonly sent: Uint8Array[] = [];
  readonly monitors: MonitorOptions[] = [];
  closedMonitors = 0;

  send(messages: readonly Uint8Array[]): Promise<SendFailures> {
    this.sent.push(...messages);
    return Promise.resolve(new Map());
  }
  query(message: Uint8Array): Promise<NetlinkMessage> {
    return Promise.resolve(firstMessage(message));
  }
  dump(message: Uint8Array, onMessage: (message: NetlinkMessage) => void): Promise<void> {
    onMessage(firstMessage(message));
    return Promise.resolve();
  }
  monitor(options: MonitorOptions): { open: boolean; close: () => void } {
    this.monitors.push(options);
    return { open: true, close: () => void this.closedMonitors++ };
  }
  close(): void {}
}

const route = (n: number): Uint8Array => newRoute({ destination: `10.${n}.0.0/16` as Prefix, outIndex: 1 }, 'create');
const isRoute = (n: number) => (message: NetlinkMessage) => decodeRoute(message)?.destination === `10.${n}.0.0/16`;

let port: WillingPort;
let faulty: FaultyNetlink;

beforeEach(() => {
  port = new WillingPort();
  faulty = new FaultyNetlink(port);
});

describe('send', () => {
  test.each<[NetlinkFault, string, string]>([
    ['EBUSY', 'EBUSY', 'OVERLAY_NETLINK'],
    ['EAGAIN', 'EAGAIN', 'OVERLAY_NETLINK'],
    ['EINTR', 'EINTR', 'OVERLAY_NETLINK_INTERRUPTED'],
  ])('%s strikes the message that matches, once', async (fault, errnoName, code) => {
    const injected = faulty.failNext('send', fault, isRoute(2));
    expect((await faulty.send([route(0), route(1)])).size).toBe(0);
    expect(injected.consumed).toBe(false);
    expect(faulty.pending).toEqual([injected]);
    const failures = await faulty.send([route(1), route(2), route(3)]);
    expect([...failures]).toEqual([[1, expect.objectContaining({ errnoName, code })]]);
    expect(failures.get(1)?.attempted).toBe('adding route 10.2.0.0/16 dev #1 table 254');
    expect(injected.consumed).toBe(true);
    expect(faulty.pending).toEqual([]);
    expect(port.sent).toEqual([route(0), route(1), route(1), route(3)]);
    expect((await faulty.send([route(2)])).size).toBe(0);
  });

  test('ENOBUFS does nothing, overflow does everything, and both say they do not know', async () => {
    faulty.failNext('send', 'ENOBUFS');
    expect([...(await faulty.send([route(1), route(2)])).values()].map(({ code }) => code)).toEqual([
      'OVERLAY_NETLINK_OVERFLOW',
      'OVERLAY_NETLINK_OVERFLOW',
    ]);
    expect(port.sent).toEqual([]);
    faulty.failNext('send', 'overflow');
    expect((await faulty.send([route(1), route(2)])).size).toBe(2);
    expect(port.sent).toHaveLength(2);
  });
});

describe('query, dump and a closed socket', () => {
  test('fail once', async () => {
    faulty.failNext('query', 'EBUSY');
    await expect(faulty.query(getLink('eth0'))).rejects.toMatchObject({
      errnoName: 'EBUSY',
      attempted: 'reading link eth0',
    });
    expect((await faulty.query(getLink('eth0'))).type).toBe(MessageType.getLink);
    faulty.failNext('dump', 'DUMP_INTR', ({ type }) => type === MessageType.getRoute);
    await faulty.dump(dumpLinks(), () => undefined);
    await expect(faulty.dump(dumpRoutes(), () => undefined)).rejects.toMatchObject({
      code: 'OVERLAY_NETLINK_INTERRUPTED',
    });
    for (const operation of ['send', 'query', 'dump'] as const) faulty.failNext(operation, 'closed');
    await expect(faulty.send([route(1)])).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
    await expect(faulty.query(getLink(1))).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
    await expect(faulty.dump(dumpLinks(), () => undefined)).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
    expect(faulty.pending).toEqual([]);
  });
});

describe('monitor', () => {
  test('loses a message, breaks, or cannot be opened', () => {
    const told: string[] = [];
    const options: MonitorOptions = {
      groups: [1],
      onMessage: ({ type }) => told.push(`message ${type}`),
      onOverflow: () => told.push('overflow'),
      onError: (error) => told.push((error as { code: string }).code),
    };
    faulty.monitor(options);
    const [inner] = port.monitors;
    faulty.failNext('monitor', 'ENOBUFS', isRoute(2));
    inner.onMessage(firstMessage(route(1)));
    inner.onMessage(firstMessage(route(2)));
    inner.onMessage(firstMessage(route(2)));
    expect(told.splice(0)).toEqual(['message 24', 'overflow', 'message 24']);
    faulty.failNext('monitor', 'closed');
    inner.onMessage(firstMessage(route(3)));
    expect(told.splice(0)).toEqual(['OVERLAY_NETLINK_MONITOR']);
    expect(port.closedMonitors).toBe(1);
    faulty.failNext('monitor', 'EBUSY');
    expect(() => faulty.monitor(options)).toThrow(expect.objectContaining({ code: 'OVERLAY_NETLINK_OPEN' }));
    faulty.monitor(options);
    expect(faulty.pending).toEqual([]);
  });
});
