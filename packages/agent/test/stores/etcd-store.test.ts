import { expect, test } from '@jest/globals';
import { silentLogger } from '@overlay/core';
import { openEtcdStore } from '../../dist/stores/etcd-store.js';

const lease = { ttlMs: 60_000, renewMarginMs: 30_000 };
const context = { lease, netConfigPath: '/none', logger: silentLogger };
const good = { kind: 'etcd', endpoints: ['http://192.0.2.1:2379'], prefix: '/net', tls: {} } as const;

test('opens etcd without asking it, and waits for a configuration that can be used', async () => {
  const { subnetManager, netConf, wrongConfig } = openEtcdStore(good, context);
  expect({ netConf, wrongConfig }).toEqual({ netConf: undefined, wrongConfig: 'wait' });
  expect(subnetManager.confirmedAt()).toBeUndefined();
  await subnetManager.close();
});

test.each([
  ['an endpoint', { endpoints: ['ftp://x'] }, /^--etcd-endpoints: expected http:\/\/HOST:PORT .*, got "ftp:\/\/x"$/],
  ['no endpoint', { endpoints: [] }, /^--etcd-endpoints: expected at least one/],
  ['a prefix', { prefix: '/' }, /^--etcd-prefix: expected a path/],
])('names the flag when %s cannot be used', (_title, wrong, says) => {
  expect(() => openEtcdStore({ ...good, ...wrong }, context)).toThrow(
    expect.objectContaining({ code: 'OVERLAY_USAGE', message: expect.stringMatching(says) }),
  );
});
