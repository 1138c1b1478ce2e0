import { describe, expect, test } from '@jest/globals';
import type { EtcdSubnetManagerOptions } from '@overlay/subnet-etcd';
import { EtcdSubnetManager } from '@overlay/subnet-etcd';
import { parseEndpoint } from '../dist/client/endpoint.js';
import { StoreKeys } from '../dist/store/store-keys.js';

describe('options', () => {
  test.each([
    ['http://192.0.2.1:2379', false, { host: '192.0.2.1', authority: '192.0.2.1:2379', secure: false }],
    ['https://[fd00::1]:4001', false, { host: 'fd00::1', authority: '[fd00::1]:4001', secure: true }],
    ['https://etcd.example/', false, { host: 'etcd.example', authority: 'etcd.example:2379', secure: true }],
    ['etcd.example:2379', true, { host: 'etcd.example', authority: 'etcd.example:2379', secure: true }],
    ['http://etcd.example:2379', true, { host: 'etcd.example', authority: 'etcd.example:2379', secure: false }],
  ])('endpoint %s', (text, tls, expected) => {
    expect(parseEndpoint(text, tls)).toEqual({ text, ...expected });
  });

  test.each<[string, Partial<EtcdSubnetManagerOptions>, string]>([
    ['no endpoint', { endpoints: [] }, 'endpoints'],
    ['no host', { endpoints: ['http://'] }, 'endpoints'],
    ['another scheme', { endpoints: ['ftp://a:1'] }, 'endpoints'],
    ['a path', { endpoints: ['http://a:1/b'] }, 'endpoints'],
    ['a port too large', { endpoints: ['http://a:65536'] }, 'endpoints'],
    ['no IPv6 address in brackets', { endpoints: ['http://[1.2.3.4]:1'] }, 'endpoints'],
    ['an empty prefix', { prefix: '/' }, 'prefix'],
    ['a certificate without its key', { tls: { cert: '/x' } }, 'tls'],
    ['a user without a password', { username: 'u' }, 'password'],
    ['a short life', { ttlSeconds: 1 }, 'ttlSeconds'],
    ['a life that is no number', { ttlSeconds: Number.NaN }, 'ttlSeconds'],
    ['a margin of the whole life', { ttlSeconds: 60, renewMarginMs: 60_000 }, 'renewMarginMs'],
    ['no time at all', { timeoutMs: 0 }, 'timeoutMs'],
  ])('refused: %s', (_, options, key) => {
    const make = (): unknown => new EtcdSubnetManager({ endpoints: ['http://127.0.0.1:1'], ...options });
    expect(make).toThrow(expect.objectContaining({ code: 'OVERLAY_OPTION_INVALID', key }));
  });

  test('nothing is opened before it is used', async () => {
    const manager = new EtcdSubnetManager({ endpoints: ['http://127.0.0.1:1'] });
    expect(manager.confirmedAt()).toBeUndefined();
    await manager.close();
  });
});

describe('keys', () => {
  test.each([
    ['/coreos.com/network', '/coreos.com/network'],
    ['/coreos.com//network/', '/coreos.com/network'],
    ['coreos.com/network', 'coreos.com/network'],
  ])('prefix %s, as path.Join of Go makes it', (prefix, root) => {
    expect(new StoreKeys(prefix).root).toBe(root);
  });

  test('nothing of ours is under the text that flanneld watches', () => {
    const keys = new StoreKeys('/p');
    for (const key of [keys.host('a'), keys.host('subnets'), keys.hosts.key, keys.guards.key]) {
      expect(key.startsWith('/p/subnets')).toBe(false);
    }
    expect(keys.leases).toEqual({ key: '/p/subnets/', rangeEnd: '/p/subnets0' });
    expect(keys.kindOf('/p/subnets-x/10.5.1.0-24')).toEqual({ kind: 'stray' });
    expect(keys.kindOf('/p/overlay/hosts/%')).toEqual({ kind: 'foreign' });
  });
});
