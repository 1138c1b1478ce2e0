import type { NewNode } from './nodes.js';

const IMAGES = Array.from({ length: 30 }, (_, n) => ({
  names: [
    `registry.example.com/team-${n}/component-${n}@sha256:${'0123456789abcdef'.repeat(4)}`,
    `registry.example.com/team-${n}/component-${n}:v1.${n}.3`,
  ],
  sizeBytes: 10_000_000 + n,
}));

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

/** Node number `n` (0 and more), as large as Nodes are: 8 kB, most of it names of images. What it publishes is vxlan's. */
export function realisticNode(n: number): NewNode {
  const [high, low] = [(n + 1) >> 8, (n + 1) & 255];
  const conditions = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready', 'NetworkUnavailable'].map((type) => ({
    type,
    status: type === 'Ready' ? 'True' : 'False',
    lastHeartbeatTime: '2026-01-01T00:00:00Z',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    reason: `KubeletHas${type}`,
    message: `the kubelet reports ${type}`,
  }));
  return {
    podCIDRs: [`10.${64 + high}.${low}.0/24`],
    annotations: {
      'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
      'flannel.alpha.coreos.com/backend-type': 'vxlan',
      'flannel.alpha.coreos.com/backend-data': `{"VNI":1,"VtepMAC":"0a:00:00:00:${hex(high)}:${hex(low)}"}`,
      'flannel.alpha.coreos.com/public-ip': `172.16.${high}.${low}`,
      'node.alpha.kubernetes.io/ttl': '0',
      'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
    },
    status: {
      capacity: { cpu: '8', memory: '32Gi', pods: '110', 'ephemeral-storage': '100Gi' },
      allocatable: { cpu: '7900m', memory: '31Gi', pods: '110' },
      conditions,
      addresses: [
        { type: 'InternalIP', address: `172.16.${high}.${low}` },
        { type: 'Hostname', address: `node-${n}` },
      ],
      nodeInfo: {
        ...{ machineID: 'a'.repeat(32), systemUUID: 'b'.repeat(36), bootID: 'c'.repeat(36) },
        ...{ kernelVersion: '6.1.0', osImage: 'Debian GNU/Linux 12 (bookworm)', kubeProxyVersion: '' },
        ...{ containerRuntimeVersion: 'containerd://1.7.0', kubeletVersion: 'v1.36.3' },
        ...{ operatingSystem: 'linux', architecture: 'amd64' },
      },
      images: IMAGES,
    },
  };
}
