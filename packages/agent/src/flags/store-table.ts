import type { Flag } from './flag.js';
import { integer, text } from './make.js';

/** The flags that say where leases are kept and how long they last: flanneld's by their names, then our own. */
export const STORE_FLAGS: readonly Flag[] = [
  text(
    'etcd-endpoints',
    'http://127.0.0.1:4001,http://127.0.0.1:2379',
    'members of the etcd with the leases, with commas',
  ),
  text('etcd-prefix', '/coreos.com/network', 'what all keys in etcd begin with'),
  text('etcd-keyfile', '', 'this host’s key for etcd, beside --etcd-certfile'),
  text('etcd-certfile', '', 'this host’s certificate for etcd'),
  text('etcd-cafile', '', 'who has to have signed etcd’s certificate; enough for TLS by itself'),
  text('etcd-username', '', 'user of etcd'),
  text('etcd-password', '', 'its password; everybody on this host can read it here, so better a variable or file'),
  text('etcd-password-file', '', 'file with the password, read again whenever etcd asks for it'),
  {
    name: 'kube-subnet-mgr',
    kind: 'switch',
    fallback: 'false',
    help: 'leases in the Nodes of Kubernetes; no etcd is used then. This host’s is NODE_NAME, or that of the pod POD_NAME in POD_NAMESPACE',
  },
  text('kube-api-url', '', 'the API server, if this is no pod and without a kubeconfig'),
  text('kubeconfig-file', '', 'how to get at the API server, in place of the service account of a pod'),
  text('kube-annotation-prefix', 'flannel.alpha.coreos.com', 'what the names of all annotations begin with'),
  {
    name: 'set-node-network-unavailable',
    kind: 'switch',
    fallback: 'true',
    help: 'keep the Node’s condition NetworkUnavailable true to the facts',
  },
  integer('subnet-lease-renew-margin', 60, [1, 1439], 'minutes before its end at which the lease is renewed'),
  {
    name: 'subnet-lease-ttl',
    kind: 'duration',
    fallback: '24h',
    help: 'how long the lease lasts without being renewed; 5s or more',
  },
  text('local-store', '', 'directory that holds the leases of all agents of this machine; no etcd is used then'),
];
