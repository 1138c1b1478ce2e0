import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { PerFamily, Prefix } from '@overlay/core';
import { parsePrefix } from '@overlay/core';
import { openNetlink } from '../../dist/netlink/index.js';
import type { NetlinkPort } from '../../dist/netlink/index.js';
import { NetlinkError } from '../../dist/netlink/index.js';
import { readPodInterfaces } from '../../dist/pods/pod-interfaces.js';
import { Namespace } from '../netlink/namespace.js';

const SUBNETS: PerFamily<Prefix> = { ipv4: parsePrefix('10.244.7.0/24'), ipv6: parsePrefix('fd00:244:0:7::/64') };
const signal = new AbortController().signal;
let host: Namespace;
let pods: Namespace[];
let port: NetlinkPort;

beforeEach(() => {
  host = new Namespace('p');
  pods = [];
  port = openNetlink({ netns: host.path });
});

afterEach(() => {
  port.close();
  for (const each of [...pods, host]) each.remove();
});

/** Joins a namespace to the host by a veth whose ends have this MTU. */
function addPod(door: string, mtu: number, ...addresses: string[]): Namespace {
  const pod = new Namespace('q');
  pods.push(pod);
  host.ip(`link add ${door} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${pod.name}`);
  host.ip(`link set ${door} up`);
  pod.ip('link set eth0 up');
  for (const address of addresses) {
    pod.ip(`addr add ${address} dev eth0${address.includes(':') ? ' nodad' : ''}`);
  }
  return pod;
}

describe('the interfaces of pods', () => {
  test('are found on a bridge and with routes of their own, by what they have inside', async () => {
    host.ip('link add cni0 type bridge');
    host.ip('addr add 10.244.7.1/24 dev cni0');
    const bridged = addPod('vetha', 1450, '10.244.7.2/24');
    host.ip('link set vetha master cni0');
    addPod('vethb', 1400, '10.244.7.3/32');
    addPod('vethc', 1300, 'fd00:244:0:7::4/128');
    expect(await readPodInterfaces(port, SUBNETS, { signal })).toEqual([
      { name: 'vetha', address: '10.244.7.2', mtu: 1450 },
      { name: 'vethb', address: '10.244.7.3', mtu: 1400 },
      { name: 'vethc', address: 'fd00:244:0:7::4', mtu: 1300 },
    ]);
    // What counts is what the pod sends by; the near end knows nothing of it.
    bridged.ip('link set eth0 mtu 1280');
    expect((await readPodInterfaces(port, SUBNETS, { signal }))[0]).toMatchObject({ name: 'vetha', mtu: 1280 });
  });

  test('are only those of the subnets, and of pods that are still there', async () => {
    addPod('vetha', 1450, '10.244.8.2/24');
    addPod('vethb', 1450);
    host.ip('link add vethc type veth peer name vethd');
    host.ip('addr add 10.244.7.9/24 dev vethc');
    expect(await readPodInterfaces(port, SUBNETS, { signal })).toEqual([]);
    expect(await readPodInterfaces(port, {}, { signal })).toEqual([]);
    const gone = addPod('vethe', 1450, '10.244.7.2/24');
    gone.ip('link del eth0');
    expect(await readPodInterfaces(port, SUBNETS, { signal })).toEqual([]);
  });

  test('are told by the near end where one may not look inside', async () => {
    host.ip('link add cni0 type bridge');
    host.ip('addr add 10.244.7.1/24 dev cni0');
    addPod('vetha', 1450, '10.244.7.2/24');
    host.ip('link set vetha master cni0');
    addPod('vethb', 1450, '10.244.7.3/32');
    const refused = (): Promise<never> => Promise.reject(new NetlinkError('listing addresses', 1));
    let dumps = 0;
    const closed: NetlinkPort = Object.assign(Object.create(port) as NetlinkPort, {
      // Links and addresses of this namespace, then those of others.
      dump: (...args: Parameters<NetlinkPort['dump']>) => (++dumps > 2 ? refused() : port.dump(...args)),
      query: refused,
    });
    expect(await readPodInterfaces(closed, SUBNETS, { signal })).toEqual([{ name: 'vetha', mtu: 1450 }]);
  });
});
