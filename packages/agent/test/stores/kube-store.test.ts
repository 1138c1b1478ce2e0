import { writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { silentLogger } from '@overlay/core';
import { openKubeStore } from '../../dist/stores/kube-store.js';
import { Folder } from '../support/folder.js';

const lease = { ttlMs: 60_000, renewMarginMs: 30_000 };
const settings = {
  kind: 'kube',
  apiUrl: 'https://192.0.2.1:6443',
  annotationPrefix: 'flannel.alpha.coreos.com',
  node: { name: 'n1' },
  setNetworkUnavailable: true,
} as const;

test('opens Kubernetes without asking it, with the configuration of a file', async () => {
  using folder = new Folder();
  const netConfigPath = folder.at('net-conf.json');
  writeFileSync(netConfigPath, '{"Network":"10.244.0.0/16"}');
  const context = { lease, netConfigPath, logger: silentLogger };
  const store = openKubeStore(settings, context);
  expect(store).toMatchObject({ netConf: { ipv4: { network: '10.244.0.0/16' } }, wrongConfig: 'fatal' });
  expect(store.reportReadiness).toBeDefined();
  await store.subnetManager.close();
  const silent = openKubeStore({ ...settings, setNetworkUnavailable: false }, context);
  expect(silent.reportReadiness).toBeUndefined();
  await silent.subnetManager.close();

  expect(() => openKubeStore({ ...settings, apiUrl: 'x' }, context)).toThrow(
    expect.objectContaining({
      code: 'OVERLAY_USAGE',
      message: expect.stringMatching(/^--kube-api-url: expected a URL/),
    }),
  );
  expect(() => openKubeStore({ ...settings, node: { name: 'A' } }, context)).toThrow(
    /^NODE_NAME: expected the name of/,
  );
});

test('a configuration that is missing is told at once', () => {
  const context = { lease, netConfigPath: '/nowhere/net-conf.json', logger: silentLogger };
  expect(() => openKubeStore(settings, context)).toThrow(/^--net-config-path: expected a file/);
});
