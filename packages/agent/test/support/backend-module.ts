import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A package of the repository as a module of a plug-in can import it from anywhere. */
function entryOf(name: string): string {
  return JSON.stringify(new URL(`../../../${name}/dist/index.js`, import.meta.url).href);
}

/** The folder of this package. */
export const AGENT = fileURLToPath(new URL('../..', import.meta.url));

/** A backend outside this project: a plain route to each peer, for leases of its own type. It works on a real kernel. */
export function acmeBackend(type = 'acme'): string {
  return `
import { DeclarativeNetwork, directRoutes } from ${entryOf('linux')};
import { map } from ${JSON.stringify(import.meta.resolve('rxjs'))};

const type = ${JSON.stringify(type)};
const supports = {
  ipv4: true, ipv6: false, dualStack: false, crossesSubnets: false,
  encryption: false, survivesAgent: true, flannelInterop: false,
};

export const backend = ({ linux }) => ({
  type,
  supports,
  create: (init) => ({
    type,
    supports,
    overhead: () => 0,
    preflight: () => Promise.resolve([]),
    attributes$: ({ host$ }) =>
      host$.pipe(map(({ ipv4 }) => ({ backendType: type, ipv4: { publicIP: ipv4.publicIP } }))),
    open: async (context) => {
      const { netConf } = init;
      const adjacency = await linux.adjacency({ confirmed: false });
      const routes = { netConf, adjacency, route: linux.route.bind(linux) };
      const design = {
        name: type,
        device: ({ host }) => ({ objects: linux.hostSettings(netConf), mtu: host.interface.mtu }),
        peer: (lease, network) => directRoutes(routes, lease, network),
        marks: () => linux.marks(init),
      };
      return DeclarativeNetwork.open(design, linux.reconciler, context, init.logger);
    },
  }),
});
`;
}

/** Writes a file and the folders above it. */
export function put(text: string, ...path: string[]): string {
  const file = join(...path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}
