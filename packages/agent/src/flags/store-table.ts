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
  integer('subnet-lease-renew-margin', 60, [1, 1439], 'minutes before its end at which the lease is renewed'),
  {
    name: 'subnet-lease-ttl',
    kind: 'duration',
    fallback: '24h',
    help: 'how long the lease lasts without being renewed; 5s or more',
  },
  text('local-store', '', 'directory that holds the leases of all agents of this machine; no etcd is used then'),
];
