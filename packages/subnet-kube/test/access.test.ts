import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { parseNetConf } from '@overlay/core';
import type { KubeSubnetManagerOptions } from '@overlay/subnet-kube';
import { KubeSubnetManager } from '@overlay/subnet-kube';
import { IPV4, KubeHost } from './support/kube-host.js';
import { KubeServer } from './support/kube-server.js';
import { annotate, annotationsOf, createNode, PREFIX, removeNodes } from './support/nodes.js';
import { describeWithKubernetes } from './support/server-programs.js';

const { signal } = new AbortController();

describe('options', () => {
  const good = { kubeconfigFile: '/nowhere', node: { name: 'a' }, netConf: IPV4 };
  test.each<[string, Partial<Record<keyof KubeSubnetManagerOptions, unknown>>]>([
    ['node', { node: { name: '' } }],
    ['node', { node: { name: '../pods' } }],
    ['node', { node: { namespace: 'kube-flannel', pod: 'A B' } }],
    ['apiUrl', { apiUrl: '192.0.2.1:6443' }],
    ['annotationPrefix', { annotationPrefix: 'a/b/c' }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['kubeconfigFile', { kubeconfigFile: undefined }],
  ])('%s %j is refused', (key, wrong) => {
    const make = (): KubeSubnetManager => new KubeSubnetManager({ ...good, ...wrong } as KubeSubnetManagerOptions);
    expect(make).toThrow(expect.objectContaining({ code: 'OVERLAY_OPTION_INVALID', key }));
  });

  test('a kubeconfig that cannot be used is an error of this host, in one line', async () => {
    const manager = new KubeSubnetManager(good);
    await expect(manager.previous('a', { signal })).rejects.toMatchObject({
      code: 'OVERLAY_CONFIG_INVALID',
      key: '--kubeconfig-file',
      message: expect.stringMatching(/^kubeconfig \/nowhere cannot be used: [^\n]+$/),
    });
    await manager.close();
  });
});

describeWithKubernetes('asking the API server', () => {
  let server: KubeServer;
  const managers: { close(): Promise<void> }[] = [];
  const environment = { ...process.env };
  beforeAll(async () => {
    server = await KubeServer.start();
    // The rules of flannel's manifest, and no more.
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    await server.do('POST', '/api/v1/namespaces', { metadata: { name: 'kube-flannel' } });
    await server.do('POST', '/api/v1/namespaces/kube-flannel/serviceaccounts', { metadata: { name: 'flannel' } });
    await server.do('POST', `${rbac}/clusterroles`, {
      metadata: { name: 'flannel' },
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
        { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
      ],
    });
    await server.do('POST', `${rbac}/clusterrolebindings`, {
      metadata: { name: 'flannel' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'flannel' },
      subjects: [{ kind: 'ServiceAccount', name: 'flannel', namespace: 'kube-flannel' }],
    });
  }, 120_000);
  afterEach(async () => {
    await Promise.all(managers.splice(0).map((manager) => manager.close()));
    for (const name of ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT']) {
      if (environment[name] === undefined) delete process.env[name];
      else process.env[name] = environment[name];
    }
    await removeNodes(server);
  });
  afterAll(() => server?.dispose());

  function host(name: string, options: Partial<KubeSubnetManagerOptions>): KubeHost {
    const made = new KubeHost(server, name, options);
    managers.push(made.manager);
    return made;
  }

  /** A token of the service account, as the kubelet puts it into a pod. */
  async function newToken(name = 'flannel'): Promise<string> {
    const path = `/api/v1/namespaces/kube-flannel/serviceaccounts/${name}/token`;
    const { status } = await server.do('POST', path, { spec: { expirationSeconds: 600 } });
    return status.token as string;
  }

  /** What a pod finds of its service account, below a root of its own. */
  function podFolder(name: string, token: string): { readonly root: string; readonly tokenFile: string } {
    const root = server.folder(name);
    const place = join(root, 'var/run/secrets/kubernetes.io/serviceaccount');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'ca.crt'), readFileSync(server.ca));
    const tokenFile = join(place, 'token');
    writeFileSync(tokenFile, token);
    process.env['KUBERNETES_SERVICE_HOST'] = '127.0.0.1';
    process.env['KUBERNETES_SERVICE_PORT'] = String(server.port);
    return { root, tokenFile };
  }

  test('flannel’s rules suffice for everything; what they do not permit is done without', async () => {
    const kubeconfigFile = server.kubeconfig('flannel', { token: await newToken() });
    await createNode(server, 'a');
    const a = host('a', { kubeconfigFile }).watch();
    const acquiring = a.acquire();
    await a.until('it waits', () => a.waits.length > 0);
    // The event that it would like to write.
    await a.until('it was refused', () =>
      a.logger.lines.some((line) => /^debug .*does not permit it.*events/.test(line)),
    );
    const type = 'application/merge-patch+json';
    await server.do('PATCH', '/api/v1/nodes/a', { spec: { podCIDR: '10.5.1.0/24', podCIDRs: ['10.5.1.0/24'] } }, type);
    await acquiring;
    await a.sees('a');
    a.manager.reportNetwork({ available: true });
    await a.until('the condition', async () => {
      const { status } = await server.do('GET', '/api/v1/nodes/a');
      return status.conditions?.some(
        (one: { type: string; status: string }) => one.type === 'NetworkUnavailable' && one.status === 'False',
      );
    });
    expect(a.warnings.filter((line) => line.includes('does not permit'))).toEqual([]);
  });

  test('as a pod: its service account, the Node that it is bound to, and a token that is replaced', async () => {
    const { root, tokenFile } = podFolder('pod', 'a-token-that-has-expired');
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    await server.do('POST', '/api/v1/namespaces/kube-flannel/pods', {
      metadata: { name: 'kube-flannel-ds-x' },
      spec: { nodeName: 'a', serviceAccountName: 'flannel', containers: [{ name: 'c', image: 'i' }] },
    });
    const a = new KubeHost(server, 'a', {
      node: { namespace: 'kube-flannel', pod: 'kube-flannel-ds-x' },
      serviceAccountRoot: root,
      kubeconfigFile: undefined,
      apiUrl: undefined,
    });
    managers.push(a.manager);
    const acquiring = a.acquire();
    await a.until('it is refused', () => a.waits.some((line) => line.includes('does not know who asks')));
    writeFileSync(tokenFile, await newToken());
    await acquiring;
    expect(a.state.lease.key).toBe('a');
    expect((await annotationsOf(server, 'a'))['public-ip']).toBe('192.0.2.1');
  });

  test('as a pod: its token is replaced while the Nodes are followed, and the one before refused', async () => {
    const before = await newToken();
    const { root, tokenFile } = podFolder('rotated', before);
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    const a = new KubeHost(server, 'a', { serviceAccountRoot: root, kubeconfigFile: undefined, apiUrl: undefined });
    managers.push(a.manager);
    await a.watch().acquire();
    await a.sees('a');
    // Made anew it is another one: what the one before was given is worth nothing, once the API server's cache is over it.
    const accounts = '/api/v1/namespaces/kube-flannel/serviceaccounts';
    await server.do('DELETE', `${accounts}/flannel`);
    await server.do('POST', accounts, { metadata: { name: 'flannel' } });
    writeFileSync(tokenFile, await newToken());
    const { manager: outdated } = host('a', { kubeconfigFile: server.kubeconfig('outdated', { token: before }) });
    await a.until('the token before is refused', () =>
      outdated.previous('a', { signal }).then(
        () => false,
        (error: Error) => error.message.includes('does not know who asks'),
      ),
    );
    await annotate(server, 'a', { [`${PREFIX}public-ip`]: null });
    await a.until('it is written again', async () => (await annotationsOf(server, 'a'))['public-ip'] === '192.0.2.1');
    a.manager.resync();
    await a.until('everything is read again', () => a.snapshots === 2);
    await annotate(server, 'a', { [`${PREFIX}public-ip-overwrite`]: '198.51.100.9' });
    await a.until('a change', () => a.leases.get('a')?.attributes.ipv4?.publicIP === '198.51.100.9');
    expect(a.warnings).toEqual([]);
  });

  test('rights that are missing are named, and asked for until they are there', async () => {
    await server.do('POST', '/api/v1/namespaces/kube-flannel/serviceaccounts', { metadata: { name: 'nobody' } });
    const kubeconfigFile = server.kubeconfig('nobody', { token: await newToken('nobody') });
    await createNode(server, 'a', { podCIDRs: ['10.5.1.0/24'] });
    const a = host('a', { kubeconfigFile }).watch();
    await expect(a.manager.previous('a', { signal })).rejects.toMatchObject({
      code: 'OVERLAY_STORE_REFUSED',
      message: expect.stringContaining('grant get, list and watch on nodes, patch on nodes/status and get on pods'),
    });
    const acquiring = a.acquire();
    await a.until('it waits', () => a.waits.some((line) => line.includes('does not permit it')));
    await server.do('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'nobody' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'flannel' },
      subjects: [{ kind: 'ServiceAccount', name: 'nobody', namespace: 'kube-flannel' }],
    });
    await acquiring;
    await a.sees('a');
  }, 60_000);

  test('a kubeconfig with a token in a file, which is replaced', async () => {
    const tokenFile = join(server.directory, 'rotating-token');
    writeFileSync(tokenFile, 'wrong');
    const kubeconfigFile = server.kubeconfig('rotating', { tokenFile: 'rotating-token' });
    expect(dirname(kubeconfigFile)).toBe(server.directory);
    const a = host('a', { kubeconfigFile });
    await expect(a.manager.previous('a', { signal })).rejects.toMatchObject({ code: 'OVERLAY_STORE_REFUSED' });
    writeFileSync(tokenFile, await newToken());
    expect(await a.manager.previous('a', { signal })).toBeUndefined();
  });

  test('a kubeconfig and a URL that takes the place of its own', async () => {
    const kubeconfigFile = server.kubeconfig('elsewhere', undefined, 'https://192.0.2.1:1');
    const a = host('a', { kubeconfigFile, apiUrl: server.url });
    expect(await a.manager.previous('a', { signal })).toBeUndefined();
  });

  test('an API server with another certificate than expected is not believed', async () => {
    const other = host('a', { apiUrl: server.url });
    await expect(other.manager.previous('a', { signal })).rejects.toMatchObject({
      code: 'OVERLAY_STORE_UNAVAILABLE',
      message: expect.stringMatching(/reading Node a: the API server at https:\/\/127.0.0.1:\d+: .*certificate/),
    });
  });

  test('the configuration is what it is given', () => {
    const netConf = parseNetConf('{"Network":"10.6.0.0/16","Backend":{"Type":"host-gw"}}');
    const manager = new KubeSubnetManager({ kubeconfigFile: server.kubeconfig('x'), node: { name: 'a' }, netConf });
    managers.push(manager);
    const told: unknown[] = [];
    manager.config$.subscribe((event) => told.push(event));
    expect(told).toEqual([{ type: 'config', netConf }]);
  });
});
