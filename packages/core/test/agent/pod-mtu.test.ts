import { afterEach, describe, expect, test } from '@jest/globals';
import type { PodInterface } from '@overlay/core';
import { parseAddress } from '@overlay/core';
import { settle } from '@overlay/core/testing';
import { World } from './support/world.js';

let world: World;
let pods: PodInterface[] = [];
let looked: object[] = [];

afterEach(async () => {
  await world.agent.stop();
});

const pod = (name: string, mtu: number): PodInterface => ({
  name,
  mtu,
  address: parseAddress(`10.244.9.${mtu % 250}`),
});
const lines = (): string[] => world.logger.matching(/MTU above|MTU of pods/);
const messages = (): string[] => world.agent.status().findings.map(({ message }) => message);

async function started(podInterfaces = () => Promise.resolve(pods as readonly PodInterface[])): Promise<void> {
  pods = [];
  looked = [];
  world = new World({
    podInterfaces: (subnets) => {
      looked.push(subnets);
      return podInterfaces();
    },
  });
  await world.started();
}

async function mtu(value: number): Promise<void> {
  world.backend.network.state$.next({ phase: 'ready', mtu: value });
  await settle();
  await world.clock.advance(250);
}

describe('pods with a larger MTU than the network has left', () => {
  test('are named in the status, and in one line of the log', async () => {
    await started();
    pods = [pod('vetha', 1450), pod('vethb', 1350), pod('vethc', 1400)];
    await mtu(1350);
    const text =
      '2 pods of this host have an MTU above the 1350 that the network has left: ' +
      '10.244.9.200 (vetha, 1450), 10.244.9.150 (vethc, 1400)';
    expect(world.agent.status().findings).toEqual([
      {
        level: 'warning',
        check: 'mtu-lowered',
        message: text,
        remedy: 'restart the pods of this host, or set the MTU of their interfaces to 1350',
      },
    ]);
    expect(lines()).toEqual([`warn ${text}; packets of that size may be lost`]);
    expect(looked.at(-1)).toEqual(world.agent.status().ownLease?.subnets);

    // One by one they are restarted.
    pods = [pod('vetha', 1450)];
    await world.clock.advance(30_000);
    expect(messages()[0]).toContain('1 pod of this host has an MTU above the 1350');
    pods = [];
    await world.clock.advance(30_000);
    expect(messages()).toEqual([]);
    expect(lines()).toHaveLength(1 + 1);
    expect(lines()[1]).toBe('info no pod has an MTU above 1350 any more');
    const { length } = looked;
    await world.clock.advance(300_000);
    expect(looked).toHaveLength(length);
  });

  test('are looked for once more after the MTU was lowered: one may have been starting', async () => {
    await started();
    await mtu(1350);
    expect(messages()).toEqual([]);
    pods = [pod('vetha', 1450)];
    await world.clock.advance(30_000);
    expect(messages()[0]).toContain('10.244.9.200 (vetha, 1450)');
  });

  test('are found at the start too, whatever the run before has left', async () => {
    await started();
    expect(looked).toHaveLength(0);
    pods = [pod('vetha', 1500)];
    await world.clock.advance(250);
    expect(messages()[0]).toContain('(vetha, 1500)');
    await mtu(1500);
    expect(messages()).toEqual([]);
  });

  test('of many only some are named', async () => {
    await started();
    pods = Array.from({ length: 12 }, (_, at) => pod(`veth${at}`, 1450));
    await mtu(1350);
    expect(messages()[0]).toMatch(/^12 pods .* \(veth9, 1450\) and 2 more$/);
  });

  test('may be there where they cannot be read, which is tried again', async () => {
    let works = false;
    await started(() => (works ? Promise.resolve([]) : Promise.reject(new Error('no netlink today'))));
    await mtu(1350);
    expect(messages()[0]).toContain('pods that were started before may still have 1450');
    expect(lines()).toEqual(['warn reading the MTU of pods: no netlink today; trying again']);
    works = true;
    await world.clock.advance(30_000);
    expect(messages()).toEqual([]);
  });
});
