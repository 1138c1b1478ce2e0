import type { Address, PerFamily } from '@overlay/core';
import { addressFamily, OverlayError, parseAddress } from '@overlay/core';
import type { LabHost, LabPod } from '../../host/lab-host.js';
import { podNamespaces } from '../../lifetime/containers.js';
import { poll } from '../../system/poll.js';
import { run } from '../../system/run.js';
import type { ApiQuestion } from './api.js';
import { bodyOf } from './api.js';
import { IMAGE } from './busybox-image.js';
import type { KubernetesServer } from './kubernetes-server.js';

interface NodeStatus {
  readonly metadata: { readonly name: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface PodStatus {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly phase: string; readonly podIPs?: readonly { readonly ip: string }[] };
}

const PODS = '/api/v1/namespaces/default/pods';
const RUNNING_MS = 60_000;
const GONE_MS = 20_000;

/**
 * Waits until every host is a Node that is ready and whose network is not unavailable.
 *
 * @throws OverlayError `OVERLAY_LAB_NOT_READY` with what the Nodes say, `OVERLAY_LAB_STORE`, `OVERLAY_ABORTED`
 */
export async function nodesReady(
  server: KubernetesServer,
  hosts: readonly LabHost[],
  options: { readonly signal?: AbortSignal },
): Promise<void> {
  let said: readonly string[] = [];
  const ready = await poll(
    async () => {
      const { items } = await server.do<{ items: readonly NodeStatus[] }>({ method: 'GET', path: '/api/v1/nodes' });
      const states = items.map(({ metadata, status: { conditions = [] } }) => {
        const state = (type: string): string => conditions.find((each) => each.type === type)?.status ?? 'Unknown';
        return { name: metadata.name, ready: state('Ready'), unavailable: state('NetworkUnavailable') };
      });
      said = states.map((node) => `${node.name}: Ready ${node.ready}, NetworkUnavailable ${node.unavailable}`);
      const good = states.filter((node) => node.ready === 'True' && node.unavailable === 'False');
      return good.length === hosts.length;
    },
    { timeoutMs: RUNNING_MS, intervalMs: 200, ...(options.signal && { signal: options.signal }) },
  );
  if (ready) return;
  throw new OverlayError(
    'OVERLAY_LAB_NOT_READY',
    `lab: the Nodes do not get ready: ${said.join('; ') || 'there are none'}`,
  );
}

/** Has the API server create pods, so many on each host, and waits until they run. */
export async function createPods(
  server: KubernetesServer,
  hosts: readonly LabHost[],
  options: { readonly count: number; readonly signal?: AbortSignal },
): Promise<readonly LabPod[]> {
  const { count, signal } = options;
  const questions = hosts.flatMap((host) =>
    Array.from({ length: count }, (_, at): ApiQuestion => ({ method: 'POST', path: PODS, body: newPod(host, at + 1) })),
  );
  // The service account without which no pod is accepted is made a moment after the server has started.
  let left: readonly ApiQuestion[] = questions;
  const accepted = await poll(
    async () => {
      const answers = await server.ask(left);
      left = left.filter((_, at) => answers[at]?.status === 403 || answers[at]?.status === 0);
      answers.forEach((answer, at) => {
        if (answer.status !== 403 && answer.status !== 0) bodyOf(questions[at], answer);
      });
      return left.length === 0;
    },
    { timeoutMs: RUNNING_MS, intervalMs: 200, ...(signal && { signal }) },
  );
  let pods: readonly PodStatus[] = [];
  const running = await poll(
    async () => {
      pods = (await server.do<{ items: PodStatus[] }>({ method: 'GET', path: PODS })).items;
      return (
        pods.filter(({ status }) => status.phase === 'Running' && status.podIPs !== undefined).length ===
        questions.length
      );
    },
    { timeoutMs: RUNNING_MS, intervalMs: 200, ...(signal && { signal }) },
  );
  if (!accepted || !running) {
    const states = pods.map(({ metadata, status }) => `${metadata.name} ${status.phase}`).join(', ');
    throw new OverlayError(
      'OVERLAY_LAB_NOT_READY',
      `lab: the pods do not run within ${RUNNING_MS} ms: ${states || 'none'}`,
    );
  }
  const namespaces = await addressesOfNamespaces(hosts);
  for (const host of hosts) {
    const its = pods.filter(({ spec }) => spec.nodeName === host.name);
    host.adoptPods(
      its.map(({ metadata, status }) => {
        const addresses = perFamily((status.podIPs ?? []).map(({ ip }) => parseAddress(ip)));
        const netns = namespaces.get(addresses.ipv4 ?? addresses.ipv6 ?? '');
        if (netns === undefined)
          throw new OverlayError('OVERLAY_LAB_NOT_READY', `lab: pod ${metadata.name} has no namespace`);
        return { name: metadata.name, netns, addresses };
      }),
    );
  }
  return hosts.flatMap(({ pods: own }) => own);
}

/** Has them all deleted and waits until the kubelets have done so. */
export async function deletePods(server: KubernetesServer): Promise<void> {
  const all: ApiQuestion = { method: 'DELETE', path: `${PODS}?gracePeriodSeconds=0` };
  await server.ask([all]);
  await poll(
    async () => {
      const [answer] = await server.ask([{ method: 'GET', path: PODS }]);
      return (answer?.body as { items?: unknown[] } | undefined)?.items?.length === 0;
    },
    { timeoutMs: GONE_MS, intervalMs: 200 },
  );
}

function newPod(host: LabHost, number: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${host.name}p${number}` },
    spec: {
      nodeName: host.name,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      enableServiceLinks: false,
      containers: [{ name: 'busybox', image: IMAGE, imagePullPolicy: 'Never' }],
    },
  };
}

async function addressesOfNamespaces(hosts: readonly LabHost[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const netns of await podNamespaces(hosts.map((host) => host.netns))) {
    const { stdout } = await run(['ip', '-n', netns, '-j', 'address', 'show', 'dev', 'eth0']);
    const [link] = JSON.parse(stdout) as { readonly addr_info: readonly { readonly local: string }[] }[];
    for (const { local } of link?.addr_info ?? []) found.set(local, netns);
  }
  return found;
}

function perFamily(addresses: readonly Address[]): PerFamily<Address> {
  return Object.fromEntries(addresses.map((address) => [addressFamily(address), address]));
}
