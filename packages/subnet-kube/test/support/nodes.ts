import type { KubeServer } from './kube-server.js';

export const PREFIX = 'flannel.alpha.coreos.com/';

export interface NewNode {
  readonly podCIDRs?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Other members of the Node, merged over what it has. */
  readonly status?: unknown;
}

export async function createNode(server: KubeServer, name: string, node: NewNode = {}): Promise<void> {
  const { podCIDRs, annotations = {}, status } = node;
  await server.do('POST', '/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, annotations },
    spec: podCIDRs === undefined ? {} : { podCIDR: podCIDRs[0], podCIDRs },
    ...(status !== undefined && { status }),
  });
}

export async function deleteNode(server: KubeServer, name: string): Promise<void> {
  await server.do('DELETE', `/api/v1/nodes/${name}`);
}

/** Writes annotations by their whole names; null removes one. */
export async function annotate(
  server: KubeServer,
  name: string,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  const type = 'application/merge-patch+json';
  await server.do('PATCH', `/api/v1/nodes/${name}`, { metadata: { annotations } }, type);
}

/** The annotations of a Node, flannel's by their short names and no others. */
export async function annotationsOf(server: KubeServer, name: string, start = PREFIX): Promise<Record<string, string>> {
  const node = await server.do('GET', `/api/v1/nodes/${name}`);
  const all = Object.entries((node.metadata.annotations ?? {}) as Record<string, string>);
  return Object.fromEntries(
    all.filter(([key]) => key.startsWith(start)).map(([key, value]) => [key.slice(start.length), value]),
  );
}

/** Removes all Nodes. */
export async function removeNodes(server: KubeServer): Promise<void> {
  await server.do('DELETE', '/api/v1/nodes');
}

/** Makes many Nodes, eight at a time. */
export async function createMany(
  server: KubeServer,
  names: readonly string[],
  make: (at: number) => NewNode,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < names.length; at = next++) await createNode(server, names[at] ?? '', make(at));
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}
