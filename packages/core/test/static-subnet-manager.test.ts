import { describe, expect, test } from '@jest/globals';
import type { Lease, LeaseAttributes, LeaseEvent, OwnLeaseState } from '@overlay/core';
import { parseAddress, parseNetConf, parsePrefix, StaticSubnetManager } from '@overlay/core';

const netConf = parseNetConf('{"Network":"10.244.0.0/16","Backend":{"Type":"fake"}}');
const dual = parseNetConf(
  '{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:42::/56","Backend":{"Type":"fake"}}',
);
const { signal } = new AbortController();

function attributes(last: number): LeaseAttributes {
  return { backendType: 'fake', ipv4: { publicIP: parseAddress(`192.0.2.${last}`) } };
}

function lease(key: string, subnet: string, last = 1): Lease {
  return { key, subnets: { ipv4: parsePrefix(subnet) }, attributes: attributes(last) };
}

function watch(store: StaticSubnetManager): LeaseEvent[] {
  const events: LeaseEvent[] = [];
  store.leases$.subscribe((event) => events.push(event));
  return events;
}

const request = (hostId: string) => ({ hostId, netConf, attributes: attributes(9) });

async function code(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => (error as { code?: unknown }).code,
  );
}

describe('acquiring', () => {
  test('gives a lease whose key is the id of the host, and again the same', async () => {
    const store = new StaticSubnetManager({ netConf });
    const own = await store.acquire(request('a'), { signal });
    let state: OwnLeaseState | undefined;
    own.state$.subscribe((value) => (state = value));
    expect(state?.lease.key).toBe('a');
    const subnet = state?.lease.subnets.ipv4;
    await store.acquire(request('a'), { signal });
    expect((await store.previous('a', { signal }))?.subnets.ipv4).toBe(subnet);
    expect(await store.previous('b', { signal })).toBeUndefined();
  });

  test('prefers what is wanted, if it is free and fits', async () => {
    const store = new StaticSubnetManager({ netConf, leases: [lease('x', '10.244.7.0/24')] });
    const wanting = async (hostId: string, subnet: string): Promise<unknown> => {
      await store.acquire({ ...request(hostId), wanted: { ipv4: parsePrefix(subnet) } }, { signal });
      return (await store.previous(hostId, { signal }))?.subnets.ipv4;
    };
    expect(await wanting('a', '10.244.8.0/24')).toBe('10.244.8.0/24');
    expect(await wanting('b', '10.244.7.0/24')).not.toBe('10.244.7.0/24');
    expect(await wanting('c', '10.244.9.0/25')).not.toBe('10.244.9.0/25');
  });

  test('fills the range and then says that it is full', async () => {
    const small = parseNetConf('{"Network":"10.3.0.0/28","Backend":{"Type":"fake"}}');
    const store = new StaticSubnetManager({ netConf: small });
    for (const hostId of ['a', 'b', 'c']) await store.acquire({ ...request(hostId), netConf: small }, { signal });
    expect(await code(store.acquire({ ...request('d'), netConf: small }, { signal }))).toBe('OVERLAY_RANGE_FULL');
  });

  test('gives both families', async () => {
    const store = new StaticSubnetManager({ netConf: dual });
    await store.acquire({ ...request('a'), netConf: dual }, { signal });
    const subnets = (await store.previous('a', { signal }))?.subnets;
    expect(subnets?.ipv4).toMatch(/^10\.244\..*\/24$/);
    expect(subnets?.ipv6).toMatch(/^fd00:42:.*\/64$/);
  });

  test('gives another one when the configuration has left the old one behind', async () => {
    const store = new StaticSubnetManager({ netConf });
    await store.acquire(request('a'), { signal });
    const moved = parseNetConf('{"Network":"10.99.0.0/16","Backend":{"Type":"fake"}}');
    await store.acquire({ ...request('a'), netConf: moved }, { signal });
    expect((await store.previous('a', { signal }))?.subnets.ipv4).toMatch(/^10\.99\./);
  });

  test('takes the subnets that were given for the host, of whatever length, inside the network only', async () => {
    const store = new StaticSubnetManager({
      netConf,
      leases: [lease('a', '10.244.128.0/20'), lease('b', '10.99.0.0/24')],
    });
    await store.acquire(request('a'), { signal });
    expect((await store.previous('a', { signal }))?.subnets.ipv4).toBe('10.244.128.0/20');
    expect(await code(store.acquire(request('b'), { signal }))).toBe('OVERLAY_LEASE_INVALID');
  });

  test('ends when aborted or closed', async () => {
    const store = new StaticSubnetManager({ netConf });
    expect(await code(store.acquire(request('a'), { signal: AbortSignal.abort() }))).toBe('OVERLAY_ABORTED');
    const own = await store.acquire(request('a'), { signal });
    await store.close();
    await store.close();
    expect(await code(store.acquire(request('a'), { signal }))).toBe('OVERLAY_CLOSED');
    expect(await code(own.publish(attributes(3), { signal }))).toBe('OVERLAY_CLOSED');
  });
});

describe('the stream of leases', () => {
  test('begins with a snapshot, then changes; what is equal is no change', async () => {
    const store = new StaticSubnetManager({ netConf, leases: [lease('x', '10.244.1.0/24')] });
    const events = watch(store);
    const own = await store.acquire(request('a'), { signal });
    await store.acquire(request('a'), { signal });
    await own.publish(attributes(9), { signal });
    await own.publish(attributes(10), { signal });
    store.delete('x');
    store.delete('nobody');
    expect(events.map(({ type }) => type)).toEqual(['snapshot', 'changes', 'changes', 'changes']);
    expect(events[3]).toEqual({ type: 'changes', changes: [{ type: 'delete', key: 'x' }] });
  });

  test('gives a snapshot to everyone when asked for one, and ends when closed', async () => {
    const store = new StaticSubnetManager({ netConf });
    const events = watch(store);
    store.resync();
    expect(events).toHaveLength(2);
    let ended = false;
    store.leases$.subscribe({ complete: () => (ended = true) });
    await store.close();
    expect(ended).toBe(true);
    store.resync();
    expect(events).toHaveLength(2);
  });
});

describe('a lease that is held', () => {
  test('is there again when it is deleted or left out', async () => {
    const store = new StaticSubnetManager({ netConf });
    await store.acquire(request('a'), { signal });
    const before = await store.previous('a', { signal });
    store.delete('a');
    expect(await store.previous('a', { signal })).toEqual(before);
    store.replace([]);
    expect(await store.previous('a', { signal })).toEqual(before);
  });

  test('goes to whoever has its subnet by then, and its holder is told, until that is over', async () => {
    const store = new StaticSubnetManager({ netConf });
    const own = await store.acquire(request('a'), { signal });
    const states: OwnLeaseState[] = [];
    own.state$.subscribe((state) => states.push(state));
    store.replace([lease('thief', '10.244.0.0/17'), lease('other', '10.244.128.0/17')]);
    expect(await store.previous('a', { signal })).toBeUndefined();
    expect(states.at(-1)?.problem).toMatch(/^it is not in the store any more, and lease (thief|other) has its subnet$/);
    await own.publish(attributes(77), { signal });
    expect(await store.previous('a', { signal })).toBeUndefined();
    store.replace([]);
    expect(states.at(-1)?.problem).toBeUndefined();
    expect(await store.previous('a', { signal })).toBeDefined();
  });

  test('changes when the program gives another one for its key', async () => {
    const store = new StaticSubnetManager({ netConf });
    const own = await store.acquire(request('a'), { signal });
    const states: OwnLeaseState[] = [];
    own.state$.subscribe((state) => states.push(state));
    store.set(lease('a', '10.244.77.0/24'));
    expect(states.at(-1)?.lease.subnets.ipv4).toBe('10.244.77.0/24');
  });
});
