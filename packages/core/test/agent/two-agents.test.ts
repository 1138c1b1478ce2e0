import { expect, test } from '@jest/globals';
import { BehaviorSubject } from 'rxjs';
import type { HostState } from '@overlay/core';
import { Agent, StaticSubnetManager } from '@overlay/core';
import { FakeBackendControl } from './support/fake-backend.js';
import { HandClock, settle } from '@overlay/core/testing';
import { conf, host, World } from './support/world.js';

test('two agents in one process that share a store are peers of each other', async () => {
  const clock = new HandClock();
  const store = new StaticSubnetManager({ netConf: conf(), clock });
  const hosts = ['a', 'b', 'c'].map((hostId, at) => {
    const backend = new FakeBackendControl();
    const host$ = new BehaviorSubject<HostState>({ host: host(at + 1) });
    const options = { hostId, subnetManager: store, backends: [backend.factory('fake')], host$, clock };
    return { hostId, backend, agent: new Agent(options) };
  });
  await Promise.all(hosts.map(({ agent }) => agent.start()));
  await Promise.all(hosts.map(({ agent }) => agent.ready()));
  await settle();
  const subnets = new Set(hosts.map(({ agent }) => agent.status().ownLease?.subnets.ipv4));
  expect(subnets.size).toBe(3);
  for (const { hostId, backend } of hosts) {
    const others = hosts.map((other) => other.hostId).filter((other) => other !== hostId);
    expect([...backend.network.peers.keys()].sort()).toEqual(others);
  }
  const [first, ...rest] = hosts;
  await first?.agent.stop();
  for (const { agent } of rest) {
    expect(agent.status().phase).toBe('ready');
    await agent.stop();
  }
});

test('two agents with stores of their own do not meet', async () => {
  const one = new World({ hostId: 'one' });
  const two = new World({ hostId: 'two' });
  await one.started();
  await two.started();
  expect(one.agent.status().peers).toBe(0);
  expect(two.agent.status().peers).toBe(0);
  one.backend.network.state$.next({ phase: 'failed', mtu: 1450 });
  await settle();
  expect(one.agent.status().phase).toBe('impaired');
  expect(two.agent.status().phase).toBe('ready');
  await one.agent.stop();
  expect(two.agent.status().phase).toBe('ready');
  await two.agent.stop();
});
