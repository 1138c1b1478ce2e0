import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { HostState } from '@overlay/core';
import type { Subscription } from 'rxjs';
import { openLinux } from '../../dist/index.js';
import type { Linux } from '../../dist/index.js';
import { Namespace, until } from '../netlink/namespace.js';

const OLD = '02:00:00:00:0e:01';
const NEW = '02:00:00:00:0e:02';
const ADDRESSES = ['192.0.2.1', 'fd00:77::1'];
let host: Namespace;
let peer: Namespace;
let linux: Linux;
let following: Subscription | undefined;
let states: HostState[];

beforeEach(() => {
  host = new Namespace('h');
  peer = new Namespace('i');
  linux = openLinux({ netns: host.path });
  states = [];
  following = undefined;
});

afterEach(async () => {
  following?.unsubscribe();
  await linux.close();
  host.remove();
  peer.remove();
});

/** Joins both by a veth, the host's end with this MAC. */
function join(mac: string): void {
  host.ip(`link add eth0 address ${mac} type veth peer name eth0 netns ${peer.name}`);
  for (const [each, number] of [
    [host, 1],
    [peer, 2],
  ] as const) {
    each.batch([
      'link set eth0 addrgenmode none',
      `addr add 192.0.2.${number}/24 dev eth0`,
      `addr add fd00:77::${number}/64 dev eth0 nodad`,
      'link set eth0 up',
    ]);
  }
}

/** The peer has heard of the old MAC at some time, and believes it. */
function knowOld(): void {
  for (const address of ADDRESSES) peer.ip(`neigh replace ${address} lladdr ${OLD} dev eth0 nud reachable`);
}

function known(): unknown[] {
  const found = peer.show('neigh show dev eth0');
  return ADDRESSES.map((address) => found.find(({ dst }) => dst === address)?.['lladdr']);
}

async function follow(): Promise<void> {
  following = linux.host$({ iface: ['eth0'] }).subscribe((state) => states.push(state));
  await until(() => states.at(-1)?.host?.ipv6 !== undefined, 'the host is known');
}

describe('the neighbours of a host', () => {
  test('hear where it is at the start, and of another MAC', async () => {
    join(NEW);
    knowOld();
    expect(known()).toEqual([OLD, OLD]);
    await follow();
    await until(() => known().join() === `${NEW},${NEW}`, 'the peer knows the MAC');
    const third = '02:00:00:00:0e:03';
    host.ip(`link set eth0 address ${third}`);
    await until(() => known().join() === `${third},${third}`, 'the peer knows the other MAC');
  });

  test('hear nothing from one who does not follow it', async () => {
    join(NEW);
    knowOld();
    host.ip('link set eth0 address 02:00:00:00:0e:03');
    // It knows of the MAC at least.
    await linux.link('eth0');
    await until(() => linux.links.byName('eth0')?.mac === '02:00:00:00:0e:03', 'the MAC is known');
    expect(known()).toEqual([OLD, OLD]);
  });

  test('hear of an interface that came back, also when they did not listen at first', async () => {
    join(OLD);
    await follow();
    host.ip('link del eth0');
    join(NEW);
    await until(() => states.at(-1)?.host?.interface.running === true, 'the host is known again');
    // It was told by now, and had nothing in which to note it; it is told twice more.
    knowOld();
    await until(() => known().join() === `${NEW},${NEW}`, 'the peer is told again');
  });
});
