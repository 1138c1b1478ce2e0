import { SharedLinks } from '../grpc/shared-links.js';

/** The links behind it, which are nothing for who only hands it on. */
export let linksOf: (connections: EtcdConnections) => SharedLinks;

/**
 * Connections that several subnet managers of one process have in common: half of what asking etcd for a lease costs is
 * making the connection. Only those without TLS are shared, one for each member, until one of the managers finds it to be
 * bad; the last manager to close closes it.
 */
export class EtcdConnections {
  readonly #links = new SharedLinks();

  static {
    linksOf = (connections) => connections.#links;
  }
}
